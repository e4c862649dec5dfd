package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func TestSecret_PrintsAsRedacted(t *testing.T) {
	c := production()
	c.DatabaseURL = NewSecret("postgres://u:" + strongSecret + "@db/x")
	hidden := struct{ inner struct{ secret Secret } }{}
	hidden.inner.secret = c.Secret
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", c.Secret, "config", c, "value", *c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", c.Secret, "config", c, "value", *c)
	document, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{log.String(), string(document), c.Secret.String(), fmt.Errorf("x: %w", fmt.Errorf("%v", c.Secret)).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		printed = append(printed, fmt.Sprintf(verb, c.Secret), fmt.Sprintf(verb, c), fmt.Sprintf(verb, *c), fmt.Sprintf(verb, hidden), fmt.Sprintf(verb, &hidden))
	}
	for _, text := range printed {
		for _, form := range []string{strongSecret, fmt.Sprintf("%x", strongSecret), fmt.Sprintf("%X", strongSecret), fmt.Sprint([]byte(strongSecret))} {
			if strings.Contains(text, form) {
				t.Errorf("the secret stands in %s", text)
			}
		}
	}
	if !strings.Contains(log.String(), redacted) {
		t.Errorf("nothing says that a secret is set: %s", &log)
	}
}

func TestLoadOrCreateSecret(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "gatehouse")
	first, err := LoadOrCreateSecret(dir)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, secretName))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	second, err := LoadOrCreateSecret(dir)
	if err != nil || second.Reveal() != first.Reveal() || len(first.Reveal()) < minSecretLength {
		t.Errorf("%d bytes, then %d: %v", len(first.Reveal()), len(second.Reveal()), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestLoadOrCreateSecret_OneWinner(t *testing.T) {
	dir := t.TempDir()
	secrets := make([]string, 20)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			s, err := LoadOrCreateSecret(dir)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = s.Reveal()
		})
	}
	all.Wait()
	for _, s := range secrets {
		if s != secrets[0] {
			t.Fatal("two processes have two secrets")
		}
	}
}

func TestLoadOrCreateSecret_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		place func(path string) error
		want  string
	}{
		"readable by a group": {func(path string) error {
			return os.WriteFile(path, []byte(strongSecret), 0o640)
		}, "chmod 600"},
		"short": {func(path string) error { return os.WriteFile(path, []byte("short\n"), 0o600) }, "needs at least 32"},
		"a link": {func(path string) error {
			target := path + ".target"
			if err := os.WriteFile(target, []byte(strongSecret), 0o600); err != nil {
				return err
			}
			return os.Symlink(target, path)
		}, "open secret"},
		"a pipe":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
		"a directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := c.place(filepath.Join(dir, secretName)); err != nil {
				t.Fatal(err)
			}
			if _, err := LoadOrCreateSecret(dir); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestMasterSecret(t *testing.T) {
	c := production()
	if s, err := c.MasterSecret(); err != nil || s.Reveal() != strongSecret {
		t.Errorf("the configured one was not taken: %v", err)
	}
	c.Secret, c.DataDir = Secret{}, t.TempDir()
	if _, err := c.MasterSecret(); err == nil {
		t.Error("production made a secret of its own")
	}
	c.Env = Development
	if s, err := c.MasterSecret(); err != nil || !s.IsSet() {
		t.Errorf("development made none: %v", err)
	}
}
