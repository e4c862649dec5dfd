package examples_test

import (
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// What docs/resource-servers.md shows for other languages is run as it stands there.
func TestIntrospectionExamples(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../resource-servers.md")
	if err != nil {
		t.Fatal(err)
	}
	h := webtest.Boot(t)
	h.Machine("api", func(c *storage.Client) { c.Introspect = true })
	const audience = "https://api.example/agents"
	h.World.Exec(`insert into platform.resources (identifier, name, scopes, created_at) values ($1, 'Agents', '{user}', now())`, audience)
	h.Client("web")
	ann := h.User("ann")
	fresh := func(scope string) webtest.Answer { return h.Tokens("web", "ann", url.Values{"scope": {scope}}) }
	good, elsewhere, revoked := fresh("openid offline_access user"), fresh("openid"), fresh("openid user").Text("access_token")
	h.Call("/oauth2/revoke", "web", webtest.ClientSecret, url.Values{"token": {revoked}})

	for language, c := range map[string]struct {
		after   string
		command []string
	}{
		"python": {"\nimport sys\nprint(json.dumps(introspect(sys.stdin.read())))\n", []string{"python3", "-c"}},
		"js":     {"\nprocess.stdin.once('data', async token => console.log(JSON.stringify(await introspect(String(token)))))\n", []string{"node", "-e"}},
	} {
		_, rest, found := strings.Cut(string(page), "```"+language+"\n")
		program, _, ended := strings.Cut(rest, "```\n")
		if !found || !ended || strings.Count(program, "\n") > 12 {
			t.Fatalf("%s: there is no example of some ten lines", language)
		}
		ask := func(issuer, token string) (map[string]any, error) {
			command := exec.CommandContext(t.Context(), c.command[0], append(c.command[1:], program+c.after)...)
			command.Env = append(os.Environ(), "ISSUER="+issuer, "AUDIENCE="+audience, "CLIENT_ID=api", "CLIENT_SECRET="+webtest.ClientSecret)
			command.Stdin = strings.NewReader(token)
			out, err := command.Output()
			if err != nil {
				return nil, err
			}
			var claims map[string]any
			return claims, json.Unmarshal(out, &claims)
		}
		claims, err := ask(h.URL, good.Text("access_token"))
		if err != nil || claims["sub"] != ann.String() || !strings.Contains(claims["scope"].(string), "user") {
			t.Errorf("%s: %v %v", language, claims, err)
		}
		for name, token := range map[string]string{
			"made for another API": elsewhere.Text("access_token"), "revoked": revoked, "nonsense": "nonsense",
			"a refresh token": good.Text("refresh_token"), "an ID token": good.Text("id_token"),
		} {
			if claims, err := ask(h.URL, token); err != nil || claims != nil {
				t.Errorf("%s, %s: %v %v", language, name, claims, err)
			}
		}
		if _, err := ask("http://127.0.0.1:1", good.Text("access_token")); err == nil {
			t.Errorf("%s: nobody answers, and it knows", language)
		}
	}
}
