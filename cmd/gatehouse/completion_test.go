package main

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/gatehouse/gatehouse/web/webtest"
)

// offered is what the scripts of every shell ask for: words so far, the last one unfinished.
func (h *host) offered(words ...string) (offers []string, directive string) {
	h.t.Helper()
	for _, line := range strings.Split(strings.TrimSpace(h.must(append([]string{"__complete"}, words...)...)), "\n") {
		if rest, ok := strings.CutPrefix(line, ":"); ok {
			return offers, rest
		}
		word, _, _ := strings.Cut(line, "\t")
		offers = append(offers, word)
	}
	return offers, ""
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	const nothing, files = "4", "0" // cobra's directives
	roles := []string{"viewer", "user", "admin", "owner"}
	for line, want := range map[string]struct {
		offers    []string
		directive string
	}{
		"admin users create --role ":           {roles, nothing},
		"admin users list --role o":            {roles, nothing}, // the shell narrows them
		"admin users invite --role ":           {roles, nothing},
		"admin users role set ann ":            {roles, nothing},
		"admin users role set ":                {nil, nothing},
		"admin roles show ":                    {roles, nothing},
		"admin users bulk role ":               {roles, nothing},
		"admin users bulk role viewer ":        {nil, files},
		"admin users list --status ":           {[]string{"active", "disabled"}, nothing},
		"admin clients create --kind ":         {[]string{"web", "spa", "native", "service", "agent"}, nothing},
		"admin clients create --jwks-file ":    {nil, files},
		"admin clients update shop --open-to ": {[]string{"nobody", "tenant", "everyone"}, nothing},
		"admin scopes put x --needs-acr ":      {[]string{"aal1", "aal2", "phr"}, nothing},
		"serve --log-format ":                  {[]string{"text", "json"}, nothing},
		"version --output ":                    {[]string{"table", "json"}, nothing},
		"admin tenants s":                      {[]string{"select", "show", "suspend"}, nothing},
	} {
		if offers, directive := h.offered(strings.Split(line, " ")...); !slices.Equal(offers, want.offers) || directive != want.directive {
			t.Errorf("%q: %v (%s), want %v (%s)", line, offers, directive, want.offers, want.directive)
		}
	}
}

// What is offered is what the API takes under that name, and every flag that it takes
// few words for offers them.
func TestCompletion_AsTheAPI(t *testing.T) {
	t.Parallel()
	server := webtest.Boot(t)
	response, err := http.Get(server.URL + "/api/v1/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var document any
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	taken := map[string][]any{}
	collectEnums(document, "", taken)
	held := 0
	everyCommand(newRootCommand(&invocation{}), func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			words := taken[strings.ReplaceAll(f.Name, "-", "_")]
			// A role has a name and a bulk change an action; these flags are of other things.
			if len(words) > 0 && len(choices[f.Name]) == 0 && f.Name != "name" && f.Name != "action" {
				t.Errorf("%s --%s offers nothing of %v", cmd.CommandPath(), f.Name, words)
			}
			for _, word := range choices[f.Name] {
				if held++; len(words) > 0 && !slices.Contains(words, any(word)) {
					t.Errorf("%s --%s offers %q, which the API does not take", cmd.CommandPath(), f.Name, word)
				}
			}
		})
	})
	if held < 50 {
		t.Errorf("%d words are offered", held)
	}
}

// collectEnums finds what stands under "enum", by the name of what it is for.
func collectEnums(at any, name string, into map[string][]any) {
	switch node := at.(type) {
	case map[string]any:
		if words, ok := node["enum"].([]any); ok {
			into[name] = append(into[name], words...)
		}
		if parameter, ok := node["name"].(string); ok && node["in"] != nil {
			name = parameter
		}
		for key, below := range node {
			if key == "schema" || key == "items" {
				key = name
			}
			collectEnums(below, key, into)
		}
	case []any:
		for _, below := range node {
			collectEnums(below, name, into)
		}
	}
}

// The scripts are ones that their shells can read, and what they ask for is above. Bash,
// which is everywhere, completes a line with its own.
func TestCompletion_Shells(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	dir := t.TempDir()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := h.must("completion", shell)
		if !strings.Contains(script, "__complete") {
			t.Errorf("%s asks nothing: %s", shell, script)
		}
		path := filepath.Join(dir, shell)
		if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := exec.LookPath(shell); err != nil && shell != "bash" {
			continue // what is not installed reads nothing
		}
		if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v: %s", shell, err, out)
		}
	}
	answer := "#!/bin/sh\necho \"$@\" >" + dir + "/asked\nprintf 'viewer\\nuser\\nadmin\\nowner\\n:4\\n'\n"
	if err := os.WriteFile(filepath.Join(dir, "gatehouse"), []byte(answer), 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("bash", "-c", `
		_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword-1]}; }
		PATH="$1:$PATH"; source "$1/bash"
		COMP_WORDS=(gatehouse admin users create --role ow); COMP_CWORD=5; __start_gatehouse; echo "${COMPREPLY[@]}"`, "bash", dir).Output()
	if strings.TrimSpace(string(out)) != "owner" || err != nil {
		t.Errorf("bash offers %q: %v", out, err)
	}
	if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || strings.TrimSpace(string(asked)) != "__complete admin users create --role ow" {
		t.Errorf("bash asks %q: %v", asked, err)
	}
}
