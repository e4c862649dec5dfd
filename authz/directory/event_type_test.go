package directory_test

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz/directory"
)

// The types of event that a webhook can hear are the actions that the source writes
// into the audit log: none is missing, and none is gone.
func TestEventTypes(t *testing.T) {
	t.Parallel()
	action := regexp.MustCompile(`"((?:ban|client|consent|group|issuer|keys|link|project|resource|role|scope|session|tenant|user|webhook)\.[a-z._-]+)"`)
	// What looks like an action and is none.
	const examples = "event_type.go"
	var written []string
	for _, dir := range []string{"../../authz", "../../oidc", "../../storage", "../../web"} {
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || entry.Name() == examples {
				return err
			}
			source, err := fs.ReadFile(os.DirFS(dir), path)
			for _, found := range action.FindAllSubmatch(source, -1) {
				written = append(written, string(found[1]))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(written)
	if written = slices.Compact(written); !slices.Equal(written, directory.EventTypes) {
		t.Errorf("the source writes\n%q, the list of types is\n%q", written, directory.EventTypes)
	}
}
