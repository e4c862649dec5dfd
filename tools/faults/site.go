package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/gatehouse/gatehouse/storage/embedded"
)

// Site is a house as its clients know it, wherever it runs.
type Site struct {
	Issuer string
	// Addresses are host:port of each replica, or of what stands before them. Requests
	// take them in turn.
	Addresses []string
	// Operate runs the program's command line with some input.
	Operate func(ctx context.Context, input string, args ...string) ([]byte, error)
	// DSN is the database's, for whoever counts rows when all is over.
	DSN func() string
	// Machine and Web are clients; People sign in at Web. [Site.Furnish] makes them.
	Machine, Web Client
	People       []string
}

// Client is a client with its secret.
type Client struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

const (
	redirectURI = "http://127.0.0.1:9/callback"
	password    = "correct horse battery staple"
)

// Furnish makes two clients, and so many people.
func (s *Site) Furnish(ctx context.Context, people int) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(2)
	for _, c := range []struct {
		made *Client
		args []string
	}{
		{&s.Machine, []string{"--name", "Machine", "--kind", "service", "--scope", "users:manage", "--introspect"}},
		{&s.Web, []string{"--name", "Shop", "--kind", "web", "--scope", "openid offline_access", "--redirect-uri", redirectURI}},
	} {
		tasks.Go(func() error {
			out, err := s.Operate(ctx, "", append([]string{"admin", "clients", "create", "--output", "json"}, c.args...)...)
			if err != nil {
				return err
			}
			return json.Unmarshal(out, c.made)
		})
	}
	s.People = make([]string, people)
	for i := range s.People {
		name := fmt.Sprintf("person-%d", i)
		s.People[i] = name
		tasks.Go(func() error {
			_, err := s.Operate(ctx, password, "admin", "users", "create", "--username", name, "--email", name+"@example.com", "--password-stdin")
			return err
		})
	}
	return tasks.Wait()
}

// Query runs statements as the database's superuser and splits the rows they yield.
func (s *Site) Query(ctx context.Context, statements string) ([][]string, error) {
	binaries, err := embedded.FindBinaries(ctx, 0)
	if err != nil {
		return nil, err
	}
	psql, err := binaries.Path("psql")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, psql, s.DSN(), "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", statements)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("psql: %w: %s", err, errs.Bytes())
	}
	var rows [][]string
	for line := range strings.Lines(string(out)) {
		rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), "|"))
	}
	return rows, nil
}
