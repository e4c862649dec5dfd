package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// tool is a call of one of PostgreSQL's own programs on a database.
type tool struct {
	name string
	dsn  string
	// args stand before the database.
	args []string
	in   io.Reader
	out  io.Writer
	errs io.Writer
}

// run calls the program. The password of the database travels in the
// environment, which unlike arguments only its owner can read.
func (t tool) run(ctx context.Context, environ []string) error {
	path, err := toolPath(ctx, t.name, t.dsn, environ)
	if err != nil {
		return err
	}
	return t.command(ctx, path, environ).Run()
}

func (t tool) command(ctx context.Context, path string, environ []string) *exec.Cmd {
	dsn, password := splitPassword(t.dsn)
	cmd := exec.CommandContext(ctx, path, append(t.args, "--dbname="+dsn)...)
	cmd.Env = append(environ[:len(environ):len(environ)], "PGAPPNAME=gatehouse "+t.name)
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, t.errs
	return cmd
}

// toolPath finds a program of the server's own major version: pg_dump refuses a
// newer server, and a newer pg_dump writes what an older server cannot read.
// Where that version is not installed, the newest there is must do.
func toolPath(ctx context.Context, name, dsn string, environ []string) (string, error) {
	newest, err := findTool(ctx, name, 0)
	if err != nil {
		return "", err
	}
	psql, err := findTool(ctx, "psql", 0)
	if err != nil {
		return "", err
	}
	major, err := serverMajor(ctx, psql, dsn, environ)
	if err != nil {
		return "", err
	}
	if same, err := findTool(ctx, name, major); err == nil {
		return same, nil
	}
	return newest, nil
}

// findTool looks beside the servers of this machine, then in the PATH.
func findTool(ctx context.Context, name string, major int) (string, error) {
	if b, err := embedded.FindBinaries(ctx, major); err == nil {
		if path, err := b.Path(name); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%s is not installed here: install the PostgreSQL client programs", name)
	}
	return path, nil
}

func serverMajor(ctx context.Context, psql, dsn string, environ []string) (int, error) {
	var out, complaint bytes.Buffer
	t := tool{
		name: "psql", dsn: dsn, out: &out, errs: &complaint,
		args: []string{"--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--command=show server_version_num"},
	}
	if err := t.command(ctx, psql, environ).Run(); err != nil {
		if complaint.Len() > 0 {
			err = errors.New(strings.TrimSpace(complaint.String()))
		}
		return 0, fmt.Errorf("ask the server for its version: %w", err)
	}
	number, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		return 0, fmt.Errorf("ask the server for its version: it answered %.40q", out.String())
	}
	return number / 10000, nil
}
