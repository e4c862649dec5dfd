package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// measured is a house with the operators' listener beside it.
func measured(t *testing.T) (*webtest.House, func() string) {
	t.Helper()
	m := newMetrics()
	h := webtest.Boot(t, func(c *web.Config, _ *postgres.Options) {
		c.Observe = func(_ context.Context, o web.Observation) { m.observe(o) }
	})
	m.watch(h.Server(), h.Store, slog.New(slog.DiscardHandler))
	operators := httptest.NewServer(operatorHandler(h.Server().Ready, m))
	t.Cleanup(operators.Close)
	return h, func() string {
		t.Helper()
		response, err := http.Get(operators.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%d %v", response.StatusCode, err)
		}
		return string(body)
	}
}

func TestMetrics_SayWhatHappened(t *testing.T) {
	t.Parallel()
	h, scrape := measured(t)
	h.User("ann")
	h.Client("web")
	h.Machine("robot")
	h.Token("robot", url.Values{"grant_type": {"client_credentials"}})
	h.Token("robot", url.Values{"grant_type": {"made\nup{}"}})
	h.Tokens("web", "ann", nil)
	b := h.Browser()
	login := b.Get("/login")
	b.Press(login, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}})
	b.Get("/a/page/that/is/nowhere-" + strings.Repeat("x", 50))
	h.Token("robot", url.Values{"grant_type": {"client_credentials"}})

	text := scrape()
	for _, want := range []string{
		`gatehouse_token_requests_total{grant="client_credentials",status="200"} 2`,
		`gatehouse_token_requests_total{grant="other",status="400"} 1`,
		`gatehouse_token_requests_total{grant="authorization_code",status="200"} 1`,
		`gatehouse_sign_ins_total{method="password",outcome="success"} 1`,
		`gatehouse_sign_ins_total{method="password",outcome="refused"} 1`,
		`gatehouse_sign_ins_total{method="passkey",outcome="success"} 0`,
		`gatehouse_http_request_duration_seconds_count{route="/oauth2/token",status="2xx"} 3`,
		`gatehouse_http_request_duration_seconds_count{route="/",status="4xx"} 1`,
		"gatehouse_database_up 1", "gatehouse_ledger_entries 0",
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("%s is not there", want)
		}
	}
	for _, stranger := range []string{"nowhere", "made", "ann", "robot"} {
		if strings.Contains(text, stranger) {
			t.Errorf("%q became a label", stranger)
		}
	}
	must := func(pattern string) string {
		t.Helper()
		found := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if found == nil {
			t.Fatalf("nothing like %s in:\n%s", pattern, text)
		}
		return found[1]
	}
	if age := must(`(?m)^gatehouse_feed_age_seconds (\S+)$`); len(age) > 3 && !strings.Contains(age, ".") {
		t.Errorf("the feed is %s s old", age)
	}
	must(`(?m)^gatehouse_database_connections\{state="idle"\} (\d+)$`)
}

// Without its database a replica still says so.
func TestMetrics_InTheDark(t *testing.T) {
	t.Parallel()
	network, m := &webtest.Network{}, newMetrics()
	h := webtest.Boot(t, network.Option)
	m.watch(h.Server(), h.Store, slog.New(slog.DiscardHandler))
	operators := httptest.NewServer(operatorHandler(h.Server().Ready, m))
	defer operators.Close()
	network.Cut()
	defer network.Mend()
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable} {
		begun := time.Now()
		response, err := http.Get(operators.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
		if path == "/metrics" && !strings.Contains(string(body), "gatehouse_database_up 0\n") {
			t.Errorf("the metrics do not say that the database is gone:\n%s", body)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s took %v", path, took)
		}
	}
}

// TestObservability holds the dashboard and the alerts to the metrics that exist.
func TestObservability(t *testing.T) {
	t.Parallel()
	h, scrape := measured(t)
	h.Machine("robot")
	h.Token("robot", url.Values{"grant_type": {"client_credentials"}})
	h.Work()
	text := scrape()
	exists := map[string]bool{}
	for _, line := range strings.Split(text, "\n") {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(name, " ")
			exists[name] = true
			if kind == "histogram" {
				exists[name+"_bucket"], exists[name+"_count"], exists[name+"_sum"] = true, true, true
			}
		}
	}
	used := regexp.MustCompile(`\b(?:gatehouse|go|process)_[a-z_]+[a-z]\b`)
	check := func(file, expression string) {
		t.Helper()
		names := used.FindAllString(expression, -1)
		if len(names) == 0 {
			t.Errorf("%s: %q asks for no metric of ours", file, expression)
		}
		for _, name := range names {
			if !exists[name] {
				t.Errorf("%s: %s does not exist", file, name)
			}
		}
	}

	const folder = "../../deploy/observability"
	raw, err := os.ReadFile(filepath.Join(folder, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &dashboard); err != nil || len(dashboard.Panels) == 0 {
		t.Fatalf("dashboard.json: %v, %d panels", err, len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		if panel.Title == "" || len(panel.Targets) == 0 {
			t.Errorf("a panel %q without title or query", panel.Title)
		}
		for _, target := range panel.Targets {
			check("dashboard.json", target.Expr)
		}
	}

	if raw, err = os.ReadFile(filepath.Join(folder, "alerts.yaml")); err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &rules); err != nil || len(rules.Groups) == 0 {
		t.Fatalf("alerts.yaml: %v", err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" || rule.Annotations["summary"] == "" || rule.Annotations["action"] == "" {
				t.Errorf("alerts.yaml: %q does not say what is wrong and what to do", rule.Alert)
			}
			check("alerts.yaml", rule.Expr)
		}
	}
}
