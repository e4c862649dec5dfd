package main

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestOperationsPage runs every command of docs/operations.md, in its order.
func TestOperationsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, "GATEHOUSE_SECRET="+testSecret)
	h.given("a password that is stolen\n").must("admin", "users", "create", "--username", "ann", "--email", "ann@example.com", "--password-stdin")
	passwordOfAnn := func() string {
		return h.must("db", "psql", "--", "--no-align", "--tuples-only", "--command", "select password_hash from platform.users where username = 'ann'")
	}
	stolen := passwordOfAnn()
	h.given("a long enough first password\n").must("admin", "users", "create", "--username", "bob", "--email", "bob@example.com", "--role", "owner", "--password-stdin")
	h.must("admin", "clients", "create", "--id", "web-app", "--name", "Shop", "--kind", "web", "--redirect-uri", "https://shop.example/callback")
	h.must("admin", "keys", "rotate")
	dir, ran := t.TempDir(), 0
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		for _, line := range strings.Split(strings.TrimSpace(block[1]), "\n") {
			here := h
			if rest, generated := strings.CutPrefix(line, "openssl rand -base64 24 | "); generated {
				line, here = rest, h.given(rand.Text()+"\n")
			}
			command, ours := strings.CutPrefix(line, "gatehouse ")
			if !ours {
				t.Fatalf("not one of our commands: %s", line)
			}
			args := wordsOf(command)
			for i, arg := range args {
				switch {
				case strings.HasSuffix(arg, ".dump"):
					args[i] = filepath.Join(dir, arg)
				case arg == "KID":
					args[i] = items(h.document("admin", "keys", "list"), "kid")[0]
				}
			}
			here.must(args...)
			if line == "gatehouse admin users enable ann" && passwordOfAnn() == stolen {
				t.Error("ann's account is open again to whoever stole the password")
			}
			ran++
		}
	}
	if ran < 20 {
		t.Errorf("only %d commands were found", ran)
	}
}

// wordsOf splits a command as a shell does, with double quotes.
func wordsOf(command string) (all []string) {
	for _, m := range regexp.MustCompile(`"([^"]*)"|(\S+)`).FindAllStringSubmatch(command, -1) {
		all = append(all, m[1]+m[2])
	}
	return all
}
