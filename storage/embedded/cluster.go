package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// sidePrefix begins the name of a directory in which a cluster is being made.
const sidePrefix = "postgres.initdb-"

// createCluster makes the cluster beside its place and renames it there once
// it is whole, so that an interruption never leaves half a cluster behind. The
// caller holds the lock.
func createCluster(ctx context.Context, h home, b Binaries, a account, throwaway bool) error {
	if err := sweep(ctx, h); err != nil {
		return err
	}
	side, err := os.MkdirTemp(string(h), sidePrefix)
	if err != nil {
		return fmt.Errorf("make side directory: %w", err)
	}
	defer os.RemoveAll(side) // after the rename there is nothing by this name
	if a.other {
		if err := os.Lchown(side, a.uid, a.gid); err != nil {
			return fmt.Errorf("hand over side directory: %w", err)
		}
	}
	if err := fill(ctx, side, b, a, throwaway); err != nil {
		return err
	}
	// os.Rename refuses an existing directory, which may be there if it is empty.
	if err := syscall.Rename(side, h.cluster()); err != nil {
		return fmt.Errorf("put cluster in place at %s: %w", h.cluster(), err)
	}
	if throwaway {
		return nil
	}
	return syncDir(string(h))
}

// sweep removes what interrupted attempts left. A program of one that was killed
// just now may still be writing there, until it notices: so more than once.
func sweep(ctx context.Context, h home) error {
	ctx, cancel := context.WithTimeout(ctx, orphanPatience)
	defer cancel()
	entries, err := os.ReadDir(string(h))
	if err != nil {
		return fmt.Errorf("read data directory: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), sidePrefix) {
			continue
		}
		side := filepath.Join(string(h), e.Name())
		var left error
		err := until(ctx, func() (bool, error) {
			left = os.RemoveAll(side)
			return left == nil, nil
		})
		if err != nil {
			return fmt.Errorf("remove interrupted cluster: %w", errors.Join(err, left))
		}
	}
	return nil
}

// fill runs initdb, then the server once without any socket to create the
// database.
func fill(ctx context.Context, dir string, b Binaries, a account, throwaway bool) error {
	initdb, err := b.Path("initdb")
	if err != nil {
		return err
	}
	args := []string{
		"--pgdata=" + dir, "--username=" + Role, "--encoding=UTF8", "--locale=" + clusterLocale,
		"--auth-local=trust", "--auth-host=reject", "--no-instructions",
	}
	single := []string{"--single", "-D", dir, "-c", "exit_on_error=on"}
	if throwaway {
		args = append(args, "--no-sync")
		single = append(single, "-F")
	}
	if _, err := runTool(a.command(ctx, syscall.SIGKILL, dir, initdb, args...)); err != nil {
		return fmt.Errorf("create cluster: %w", err)
	}
	server, err := b.Path("postgres")
	if err != nil {
		return err
	}
	cmd := a.command(ctx, syscall.SIGKILL, dir, server, append(single, "postgres")...)
	cmd.Stdin = strings.NewReader("CREATE DATABASE " + Database + "\n")
	if _, err := runTool(cmd); err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// runTool runs a short-lived program and returns what it printed. The thread is
// held because the program's death signal is bound to the one that forked it.
func runTool(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, errors.Join(err, errorText(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

func errorText(stderr []byte) error {
	text := strings.TrimSpace(string(stderr))
	if text == "" {
		return nil
	}
	return errors.New(text)
}

// syncDir makes a rename in the directory survive a loss of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync data directory: %w", err)
	}
	return nil
}
