package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/cmd/internal/client"
	"github.com/gatehouse/gatehouse/storage"
)

// everyCommand visits what we have written; help and completion are cobra's.
func everyCommand(cmd *cobra.Command, visit func(*cobra.Command)) {
	if cmd.Name() == "help" || cmd.Name() == "completion" {
		return
	}
	visit(cmd)
	for _, child := range cmd.Commands() {
		everyCommand(child, visit)
	}
}

func TestTree_EveryCommandTeaches(t *testing.T) {
	everyCommand(newRootCommand(&invocation{}), func(cmd *cobra.Command) {
		path := cmd.CommandPath()
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: Short, Long or Example is missing", path)
		}
		if strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: Short is no sentence", path)
		}
		if cmd.Args == nil {
			t.Errorf("%s: takes any arguments and says nothing", path)
		}
		if !strings.Contains(cmd.Example, path) && !strings.Contains(cmd.Example, "gatehouse ") {
			t.Errorf("%s: its example shows no call", path)
		}
	})
}

// Everything that stands in an example has to be a command and its flags.
func TestTree_ExamplesParse(t *testing.T) {
	call := regexp.MustCompile(`(?:^|[\s(|])(gatehouse [a-z][^|")$\n]*)`)
	everyCommand(newRootCommand(&invocation{}), func(cmd *cobra.Command) {
		for _, found := range call.FindAllStringSubmatch(strings.ReplaceAll(cmd.Example, "\\\n", " "), -1) {
			line := found[1]
			words, _, _ := strings.Cut(line, " -- ")
			root := newRootCommand(&invocation{})
			found, rest, err := root.Find(strings.Fields(words)[1:])
			if err != nil || found.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
				t.Errorf("%s: no such command: %s (%v)", cmd.CommandPath(), line, err)
				continue
			}
			for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(words, -1) {
				if name := flag[2:]; found.Flags().Lookup(name) == nil && found.InheritedFlags().Lookup(name) == nil && name != "version" {
					t.Errorf("%s: no flag %s: %s", cmd.CommandPath(), flag, line)
				}
			}
		}
	})
}

// Arguments stand in the list of processes and in the history of the shell.
func TestM11_NoSecretIsAnArgument(t *testing.T) {
	secret := regexp.MustCompile(`password|secret|token|key|dsn|url`)
	harmless := regexp.MustCompile(`-file$|-lifetime$|^id-token-alg$|^avatar-url$|^mtls-url$|^url$`)
	everyCommand(newRootCommand(&invocation{}), func(cmd *cobra.Command) {
		look := func(f *pflag.Flag) {
			if secret.MatchString(f.Name) && f.Value.Type() != "bool" && !harmless.MatchString(f.Name) {
				t.Errorf("%s --%s takes a secret as an argument", cmd.CommandPath(), f.Name)
			}
		}
		cmd.Flags().VisitAll(look)
		cmd.PersistentFlags().VisitAll(look)
		if regexp.MustCompile(`PASSWORD|SECRET|TOKEN`).MatchString(cmd.Use) {
			t.Errorf("%s takes a secret as an argument", cmd.Use)
		}
	})
}

func TestExitCode_Usage(t *testing.T) {
	h := newHost(t)
	for name, c := range map[string]struct {
		text string
		args []string
	}{
		"unknown command":       {`there is no command "serv" after "gatehouse"; did you mean serve?`, []string{"serv"}},
		"unknown command below": {`there is no command "expotr" after "gatehouse db"; did you mean export?`, []string{"db", "expotr"}},
		"with options":          {`there is no command "create" after "gatehouse admin bans"`, []string{"admin", "bans", "create", "--network", "192.0.2.0/24"}},
		"an option of a group":  {`unknown flag: --bogus`, []string{"admin", "bans", "--bogus"}},
		"unknown flag":          {"unknown flag: --nonsense", []string{"version", "--nonsense"}},
		"unknown form":          {`"yaml" is neither table nor json`, []string{"version", "--output", "yaml"}},
		"missing flag":          {`required flag(s) "to" not set`, []string{"migrate", "down"}},
		"a user as they are":    {"at least one of the flags", []string{"admin", "users", "update", "ann"}},
		"a client as it is":     {"at least one of the flags", []string{"admin", "clients", "update", "shop"}},
		"a tenant as it is":     {"at least one of the flags", []string{"admin", "tenants", "update", "acme"}},
		"a resource as it is":   {"at least one of the flags", []string{"admin", "resources", "update", "https://api.example"}},
		"a webhook as it is":    {"at least one of the flags", []string{"admin", "webhooks", "update", "x"}},
		"stray argument":        {`unknown command "x" for "gatehouse version"`, []string{"version", "x"}},
		"not a number":          {"invalid argument", []string{"migrate", "down", "--to", "x"}},
		"shell that is none":    {"--help", []string{"completion", "bash", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			h.t = t
			h.fails(exitUsage, c.text, c.args...)
			h.fails(exitUsage, "--help\" to see how it is called.", c.args...)
		})
	}
}

func TestExitCode_Refused(t *testing.T) {
	for err, want := range map[error]int{
		nil: exitOK, fmt.Errorf("create user: %w", directory.ErrForbidden): exitRefused, &client.Problem{Status: 403}: exitRefused, &client.Problem{Status: 404}: exitFailure,
		fmt.Errorf("read user: %w", storage.ErrNotFound): exitFailure, usageError{err: errors.New("x")}: exitUsage,
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
}

func TestExitCode_Settings(t *testing.T) {
	newHost(t, "GATEHOUSE_ENV=production").fails(exitFailure, "set GATEHOUSE_DATABASE_URL", "migrate")
	newHost(t, "GATEHOUSE_DATABSE_URL=x").fails(exitFailure, "did you mean GATEHOUSE_DATABASE_URL?", "db", "status")
}

func TestHelp(t *testing.T) {
	h := newHost(t)
	for _, args := range [][]string{{}, {"--help"}, {"db"}, {"help", "db"}, {"db", "--help"}} {
		if out := h.must(args...); !strings.Contains(out, "Usage:") || !strings.Contains(out, "Examples:") {
			t.Errorf("%v: %s", args, out)
		}
	}
	leaves(func(path string, _ *cobra.Command) {
		if out := h.must(append(strings.Fields(path), "--help")...); !strings.Contains(out, "Examples:\n  ") || !strings.Contains(out, "Usage:\n  gatehouse "+path) {
			t.Errorf("gatehouse %s --help: %s", path, out)
		}
	})
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := h.must("completion", shell); !strings.Contains(out, "gatehouse") {
			t.Errorf("completion for %s: %s", shell, out)
		}
	}
	if d := h.document("version"); d["version"] == "" || d["go"] == "" {
		t.Errorf("version: %v", d)
	}
}
