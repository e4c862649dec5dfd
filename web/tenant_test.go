package web_test

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// choose answers the page on which a member of several tenants says which one.
func choose(t *testing.T, b *webtest.Browser, p *webtest.Page, tenant authz.TenantID, makeDefault bool) *webtest.Page {
	t.Helper()
	form := p.Form(t, "switch-account", nil).Values
	form.Set("tenant_id", tenant.String())
	if makeDefault {
		form.Set("make_default", "on")
	}
	return b.Post("/login/tenant", form)
}

// tenantOf is the tenant in the access token that a code leads to.
func tenantOf(t *testing.T, h *webtest.House, proof webtest.Proof, got url.Values) string {
	t.Helper()
	tokens := h.Exchange("open", got.Get("code"), proof)
	if tokens.Status != http.StatusOK {
		t.Fatalf("%v: %d %s", got, tokens.Status, tokens.Raw)
	}
	return h.Introspect("rs", tokens.Text("access_token")).Text("tenant_id")
}

func newTenants(t *testing.T) (h *webtest.House, acme, globex authz.TenantID) {
	t.Helper()
	h = webtest.Boot(t)
	acme, globex = h.Tenant, h.World.Tenant("globex")
	h.UserOf("both", acme, globex)
	h.UserOf("outsider", globex)
	h.Client("open", func(c *storage.Client) { c.Tenant = authz.TenantID{} })
	h.Client("acme-app")
	h.Machine("rs", func(c *storage.Client) { c.Tenant, c.Introspect = authz.TenantID{}, true })
	return h, acme, globex
}

func TestTenants_MemberOfTwoChooses(t *testing.T) {
	t.Parallel()
	h, acme, globex := newTenants(t)
	b := h.Browser()
	proof := webtest.NewProof()
	page := b.SignIn(b.Get(proof.Authorization("open", nil)), "both")
	if page.Request.URL.Path != "/login/tenant" || !strings.Contains(string(page.Body), "globex") || !strings.Contains(string(page.Body), "Client open") {
		t.Fatalf("sign-in led to %s:\n%s", page.Request.URL, page.Body)
	}
	page = choose(t, b, page, globex, true)
	page = b.Press(page, "accept", nil)
	if got := tenantOf(t, h, proof, page.Left.Query()); got != globex.String() {
		t.Errorf("the token is for %s, want globex", got)
	}
	// The choice was made the default: the next sign-in begins there.
	next := h.Browser()
	page = next.SignIn(next.Get("/login"), "both")
	if body := string(page.Body); !strings.Contains(body, `<bdi>globex</bdi> <span class="tag">Your default</span>`) {
		t.Errorf("the page says:\n%s", body)
	}
	page = choose(t, next, page, acme, false)
	if page.Request.URL.Path != "/account" || !strings.Contains(string(page.Body), "<dt>Tenant</dt><dd><bdi>acme</bdi>") {
		t.Errorf("the choice led to %s:\n%s", page.Request.URL, page.Body)
	}
	// And a choice without that leaves the default alone.
	other := h.Browser()
	if body := string(other.SignIn(other.Get("/login"), "both").Body); !strings.Contains(body, `<bdi>globex</bdi> <span class="tag">Your default</span>`) {
		t.Errorf("the page says:\n%s", body)
	}
}

func TestM1_ForeignTenantIsNotFound(t *testing.T) {
	t.Parallel()
	h, _, globex := newTenants(t)
	h.User("ann")
	b := signedIn(h, "ann")
	csrf := csrfOf(t, b)
	nothing := []byte(nil)
	for _, id := range []string{globex.String(), "0198c0de-0000-7000-8000-000000000000", "", "globex", "../globex", "\x00", strings.Repeat("x", 1000)} {
		p := b.PostRaw("/login/tenant", url.Values{"csrf": {csrf}, "tenant_id": {id}, "make_default": {"on"}}, nil)
		isErrorPage(t, p, http.StatusNotFound)
		body := changing.ReplaceAll(p.Body, nil)
		if nothing == nil {
			nothing = body
		} else if string(body) != string(nothing) {
			t.Errorf("tenant %.40q:\n%s\nanother one:\n%s", id, body, nothing)
		}
	}
	if got := h.World.Text(`select current_tenant_id from platform.user_sessions`); strings.Contains(got, globex.String()) {
		t.Error("the session is in a foreign tenant")
	}
	if got := h.World.Text(`select p.default_tenant_id from platform.user_preferences p join platform.users u on u.id = p.user_id where u.username = 'ann'`); strings.Contains(got, globex.String()) {
		t.Error("the default is a foreign tenant")
	}
}

func TestM4_ClientOfAnotherTenant(t *testing.T) {
	t.Parallel()
	h, acme, globex := newTenants(t)
	// Whoever belongs to the other tenant alone is refused, before and after consent.
	for _, change := range []url.Values{nil, {"prompt": {"consent"}}} {
		if got := h.Browser().Authorize(webtest.NewProof(), "acme-app", "outsider", change); got.Get("error") != "access_denied" || got.Has("code") {
			t.Errorf("%v: the client got %v", change, got)
		}
	}
	b := signedIn(h, "outsider")
	if p := b.Get(webtest.NewProof().Authorization("acme-app", url.Values{"prompt": {"none"}})); p.Left == nil || p.Left.Query().Get("error") != "access_denied" {
		t.Errorf("with prompt=none: %d, left %v", p.StatusCode, p.Left)
	}
	// A member of both comes in the client's tenant, whatever the session is for.
	both := h.Browser()
	choose(t, both, both.SignIn(both.Get("/login"), "both"), globex, false)
	proof := webtest.NewProof()
	got := both.Authorize(proof, "acme-app", "both", nil)
	tokens := h.Exchange("acme-app", got.Get("code"), proof)
	if id := h.Introspect("rs", tokens.Text("access_token")).Text("tenant_id"); id != acme.String() {
		t.Errorf("the token is for %q, want acme; the exchange said %d %s", id, tokens.Status, tokens.Raw)
	}
}

func TestTenants_SuspendedOneEndsTheVisit(t *testing.T) {
	t.Parallel()
	h, acme, _ := newTenants(t)
	h.User("ann")
	b := signedIn(h, "ann")
	h.World.Exec(`update platform.tenants set suspended_at = now() where id = $1`, acme)
	if isSignedIn(b) {
		t.Error("the account page of a suspended tenant's member opens")
	}
	p := b.SignIn(b.Get("/login"), "ann")
	isErrorPage(t, p, http.StatusForbidden)
	if !strings.Contains(string(p.Body), "does not belong to any active tenant") {
		t.Errorf("the page says:\n%s", p.Body)
	}
}

// A project is a place too: its groups count there alone, and it can be where sign-ins begin.
func TestProjects_DefaultIsWhereSignInsBegin(t *testing.T) {
	t.Parallel()
	h, acme, globex := newTenants(t)
	website, foreign := authz.NewID[authz.ProjectID](h.Now()), authz.NewID[authz.ProjectID](h.Now())
	h.World.Exec(`insert into public.projects (id, tenant_id, name, created_at) values ($1, $2, 'website', now()), ($3, $4, 'secret plan', now())`,
		website, acme, foreign, globex)
	ann := h.User("ann")
	editors := h.World.Group(acme, "editors", "admin")
	h.World.Exec(`update platform.user_groups set project_id = $2 where id = $1`, editors, website)
	h.World.Join(ann, acme, editors)
	scopes := func(b *webtest.Browser) string {
		proof := webtest.NewProof()
		got := b.Authorize(proof, "acme-app", "ann", url.Values{"scope": {"openid user admin"}, "prompt": {"consent"}})
		return h.Exchange("acme-app", got.Get("code"), proof).Text("scope")
	}
	choose := func(b *webtest.Browser, project authz.ProjectID, more url.Values) string {
		form := url.Values{"csrf": {csrfOf(t, b)}, "tenant_id": {acme.String()}, "project_id": {project.String()}}
		maps.Copy(form, more)
		return string(b.Post("/account/tenants", form).Body)
	}
	b := signedIn(h, "ann")
	if got := scopes(b); got != "openid user" {
		t.Errorf("in the whole tenant: %s", got)
	}
	if page := string(b.Get("/account/tenants").Body); !strings.Contains(page, "<bdi>website</bdi>") || strings.Contains(page, "secret plan") {
		t.Errorf("the places are:\n%s", page)
	}
	if page := choose(b, website, nil); !strings.Contains(page, "<dd><bdi>acme</bdi> · <bdi>website</bdi>") {
		t.Errorf("the session did not move:\n%s", page)
	}
	if got := scopes(b); got != "openid user admin" {
		t.Errorf("in the project: %s", got)
	}
	// The next session still begins in the whole tenant, until the project is the default.
	if got := scopes(signedIn(h, "ann")); got != "openid user" {
		t.Errorf("in another session: %s", got)
	}
	choose(b, website, url.Values{"make_default": {"on"}})
	if got := scopes(signedIn(h, "ann")); got != "openid user admin" {
		t.Errorf("a sign-in after the project became the default: %s", got)
	}
	if file := b.Press(b.Get("/account/data"), "export", nil); strings.Count(string(file.Body), `_id": "`+website.String()) < 3 {
		t.Errorf("the export does not name the project of sessions and sign-ins:\n%s", file.Body)
	}
	if page := choose(b, foreign, nil); strings.Contains(page, "secret plan") || !strings.Contains(page, "website") {
		t.Errorf("a project of another tenant:\n%s", page)
	}
	h.World.Exec(`delete from public.projects where id = $1`, website)
	if got := scopes(b); got != "openid user" {
		t.Errorf("after the project was deleted: %s", got)
	}
}
