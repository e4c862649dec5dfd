package oidc_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	cibaGrant = "urn:openid:params:grant-type:ciba"
	cibaPath  = "/oauth2/bc-authorize"
)

// newCallCentre has two clients, "desk" and "till", that ask for sign-ins without a
// browser and poll, beside what every house has.
func newCallCentre(t testing.TB, options ...webtest.Option) *webtest.House {
	t.Helper()
	h := newHouse(t, options...)
	for _, id := range []string{"desk", "till"} {
		h.Client(id, func(c *storage.Client) {
			c.Name, c.RedirectURIs, c.Metadata.BackChannelDelivery = "Northwind "+id, nil, "poll"
			c.GrantTypes = []string{cibaGrant, storage.GrantRefreshToken}
		})
	}
	return h
}

func ask(h *webtest.House, client string, change url.Values) webtest.Answer {
	h.T.Helper()
	form := url.Values{"scope": {"openid"}, "login_hint": {"ann"}}
	for name, values := range change {
		form[name] = values
		if values == nil {
			delete(form, name)
		}
	}
	return h.Call(cibaPath, client, webtest.ClientSecret, form)
}

// mustAsk is the auth_req_id of a request that was taken.
func mustAsk(t testing.TB, h *webtest.House, client string, change url.Values) string {
	t.Helper()
	a := ask(h, client, change)
	if a.Status != http.StatusOK {
		t.Fatalf("ask: %d %s", a.Status, a.Raw)
	}
	return a.Text("auth_req_id")
}

func pollRequest(h *webtest.House, client, id string) webtest.Answer {
	h.T.Helper()
	return h.Token(client, url.Values{"grant_type": {cibaGrant}, "auth_req_id": {id}})
}

// requests is the page of what waits, for a person who signs in on the way if need be.
func requests(b *webtest.Browser, username string) *webtest.Page {
	b.T.Helper()
	p := b.Get("/account/requests")
	if strings.Contains(string(p.Body), `id="sign-in"`) {
		p = b.SignIn(p, username)
	}
	return p
}

// questionForm is the form of the question at a place, answered.
func questionForm(t testing.TB, p *webtest.Page, place int, decision string) webtest.Form {
	t.Helper()
	flows := hiddenFlow.FindAllStringSubmatch(string(p.Body), -1)
	if place >= len(flows) {
		t.Fatalf("there is no question %d on the page (status %d):\n%s", place, p.StatusCode, p.Body)
	}
	form := p.Form(t, "sign-out", nil)
	return webtest.Form{Action: "/account/requests", Values: url.Values{"csrf": form.Values["csrf"], "flow": {flows[place][1]}, "decision": {decision}}}
}

var hiddenFlow = regexp.MustCompile(`name="flow" value="([^"]+)"`)

func answerQuestion(b *webtest.Browser, p *webtest.Page, decision string) *webtest.Page {
	b.T.Helper()
	form := questionForm(b.T, p, 0, decision)
	return b.Post(form.Action, form.Values)
}

func TestCIBA_Poll(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	a := ask(h, "desk", url.Values{"scope": {"openid profile offline_access user agents:read admin"}, "binding_message": {"W4SCT <b>"}})
	if a.Status != http.StatusOK || a.JSON["expires_in"] != 600.0 || a.JSON["interval"] != 5.0 || a.Header.Get("Cache-Control") != "no-store" ||
		!strings.HasPrefix(a.Text("auth_req_id"), "gth_br_") {
		t.Fatalf("CIBA §7.3: %d %s", a.Status, a.Raw)
	}
	id := a.Text("auth_req_id")
	mustRefuse(t, "before the answer", pollRequest(h, "desk", id), http.StatusBadRequest, "authorization_pending")

	b := h.Browser()
	page := requests(b, "ann")
	if page.Request.URL.Path != "/account/requests" {
		t.Fatalf("the sign-in leads to %s", page.Request.URL)
	}
	for _, want := range []string{"Northwind desk", "W4SCT &lt;b&gt;", "127.0.0.1", "Not run by this operator", "Asked for, but not included (1)"} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the question (status %d) does not say %q:\n%s", page.StatusCode, want, page.Body)
		}
	}
	if done := answerQuestion(b, page, "accept"); !strings.Contains(string(done.Body), "may act for you now") || strings.Contains(string(done.Body), "W4SCT") {
		t.Fatalf("after the yes: %d\n%s", done.StatusCode, done.Body)
	}

	tokens := mustGrant(t, "poll after the answer", pollRequest(h, "desk", id))
	if got := tokens.Text("scope"); got != "openid profile offline_access user agents:read" {
		t.Errorf("scope: %s", got)
	}
	if c := claimsOf(t, tokens.Text("id_token")); c["aud"] != "desk" || c["at_hash"] == nil || c["auth_time"] == nil || c["nonce"] != nil {
		t.Errorf("ID token: %v", c)
	}
	if !isActive(t, h, tokens.Text("access_token")) || userInfo(t, h, tokens.Text("access_token")).Text("preferred_username") != "ann" {
		t.Error("the access token opens nothing")
	}
	mustGrant(t, "refresh", refresh(h, "desk", tokens.Text("refresh_token"), nil))
	mustRefuse(t, "used again", pollRequest(h, "desk", id), http.StatusBadRequest, "invalid_grant")

	// An ID token of the client's own names the person as well.
	hinted := mustAsk(t, h, "desk", url.Values{"login_hint": nil, "id_token_hint": {tokens.Text("id_token")}})
	answerQuestion(b, requests(b, "ann"), "deny")
	mustRefuse(t, "denied", pollRequest(h, "desk", hinted), http.StatusBadRequest, "access_denied")
}

// The letter says who asks, and where to answer; it has no link to be lured by.
func TestCIBA_TellsByMail(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	post := h.Post()
	mustAsk(t, h, "desk", url.Values{"binding_message": {"W4SCT"}})
	letter := post.Latest("ann@example.com")
	if !strings.Contains(letter.Subject, "Northwind desk") || strings.Contains(letter.Text, "http") {
		t.Errorf("%s\n%s", letter.Subject, letter.Text)
	}
}

func TestCIBA_Ping(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t, insecureOutbound)
	h.Work()
	type call struct{ authorization, id, media string }
	heard := make(chan call, 10)
	refusals := 1
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]string
		_ = json.NewDecoder(r.Body).Decode(&body)
		heard <- call{r.Header.Get("Authorization"), body["auth_req_id"], r.Header.Get("Content-Type")}
		if refusals > 0 {
			refusals--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	h.Client("bank", func(c *storage.Client) {
		c.Metadata.BackChannelDelivery, c.Metadata.BackChannelNotificationURI = "ping", s.URL+"/told"
		c.GrantTypes = []string{cibaGrant}
	})
	for _, token := range []string{"", "with spaces", "=", strings.Repeat("a", 1025)} {
		mustRefuse(t, "the notification token "+token, ask(h, "bank", url.Values{"client_notification_token": {token}}), http.StatusBadRequest, "invalid_request")
	}
	b := h.Browser()
	id := mustAsk(t, h, "bank", url.Values{"client_notification_token": {"8d67dc78-7faa-4d41-aabd-67707b374255"}})
	var kept []byte
	h.World.Get(`select notification_token from platform.backchannel_requests`, nil, &kept)
	if strings.Contains(string(kept), "8d67dc78") {
		t.Error("the notification token stands in the database in the clear")
	}
	answerQuestion(b, requests(b, "ann"), "accept")
	// A refused call is made again.
	for range 2 {
		select {
		case c := <-heard:
			if c.authorization != "Bearer 8d67dc78-7faa-4d41-aabd-67707b374255" || c.id != id || c.media != "application/json" {
				t.Errorf("the call says %v, want %s", c, id)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was told")
		}
	}
	mustGrant(t, "after the ping", pollRequest(h, "bank", id))
}

// CIBA §13 and §11, code by code.
func TestCIBA_Refuses(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	h.UserOf("eve", h.World.Tenant("elsewhere"))
	h.User("gone")
	h.World.Exec(`update platform.users set disabled_at = now() where username = 'gone'`)
	h.Client("shut", func(c *storage.Client) { c.GrantTypes, c.OpenTo = []string{cibaGrant}, storage.OpenToNobody })
	h.Client("public", func(c *storage.Client) {
		c.GrantTypes, c.AuthMethod, c.Kind = []string{cibaGrant}, storage.AuthMethodNone, storage.ClientNative
	})
	foreign := h.Tokens("web", "ann", nil).Text("id_token")
	good := mustAsk(t, h, "desk", nil)
	flipped := good[:len(good)-2] + map[bool]string{true: "BA", false: "AA"}[strings.HasSuffix(good, "AA")]
	for name, test := range map[string]struct {
		answer webtest.Answer
		status int
		code   string
	}{
		"no client":                  {h.Call(cibaPath, "", "", url.Values{}), 401, "invalid_client"},
		"a wrong secret":             {h.Call(cibaPath, "desk", "wrong", url.Values{}), 401, "invalid_client"},
		"not registered for it":      {ask(h, "web", nil), 400, "unauthorized_client"},
		"a public client":            {h.Call(cibaPath, "public", "", url.Values{"scope": {"openid"}, "login_hint": {"ann"}}), 400, "unauthorized_client"},
		"no hint":                    {ask(h, "desk", url.Values{"login_hint": nil}), 400, "invalid_request"},
		"two hints":                  {ask(h, "desk", url.Values{"id_token_hint": {foreign}}), 400, "invalid_request"},
		"a login_hint_token":         {ask(h, "desk", url.Values{"login_hint": nil, "login_hint_token": {"x"}}), 400, "invalid_request"},
		"no ID token":                {ask(h, "desk", url.Values{"login_hint": nil, "id_token_hint": {"x"}}), 400, "invalid_request"},
		"another client's ID token":  {ask(h, "desk", url.Values{"login_hint": nil, "id_token_hint": {foreign}}), 400, "invalid_request"},
		"a signed request":           {ask(h, "desk", url.Values{"request": {"x"}}), 400, "invalid_request"},
		"no scope":                   {ask(h, "desk", url.Values{"scope": nil}), 400, "invalid_request"},
		"no openid":                  {ask(h, "desk", url.Values{"scope": {"user"}}), 400, "invalid_scope"},
		"a malformed scope":          {ask(h, "desk", url.Values{"scope": {`openid a"b`}}), 400, "invalid_scope"},
		"an unknown resource":        {ask(h, "desk", url.Values{"resource": {"https://nowhere.example"}}), 400, "invalid_target"},
		"a long message":             {ask(h, "desk", url.Values{"binding_message": {strings.Repeat("é", 101)}}), 400, "invalid_binding_message"},
		"a message of several lines": {ask(h, "desk", url.Values{"binding_message": {"a\nb"}}), 400, "invalid_binding_message"},
		"a message that turns":       {ask(h, "desk", url.Values{"binding_message": {"a\u202eb"}}), 400, "invalid_binding_message"},
		"no time at all":             {ask(h, "desk", url.Values{"requested_expiry": {"0"}}), 400, "invalid_request"},
		"a negative time":            {ask(h, "desk", url.Values{"requested_expiry": {"-1"}}), 400, "invalid_request"},
		"a parameter twice":          {ask(h, "desk", url.Values{"login_hint": {"ann", "bob"}}), 400, "invalid_request"},
		"nobody":                     {ask(h, "desk", url.Values{"login_hint": {"nobody"}}), 400, "unknown_user_id"},
		"of another tenant":          {ask(h, "desk", url.Values{"login_hint": {"eve"}}), 400, "unknown_user_id"},
		"disabled":                   {ask(h, "desk", url.Values{"login_hint": {"gone"}}), 400, "unknown_user_id"},
		"open to nobody":             {ask(h, "shut", nil), 400, "unknown_user_id"},
		"poll: no auth_req_id":       {pollRequest(h, "desk", ""), 400, "invalid_request"},
		"poll: not one of ours":      {pollRequest(h, "desk", "x"), 400, "invalid_grant"},
		"poll: a forged one":         {pollRequest(h, "desk", flipped), 400, "invalid_grant"},
		"poll: another client's":     {pollRequest(h, "till", good), 400, "invalid_grant"},
		"poll: not registered":       {pollRequest(h, "web", good), 400, "unauthorized_client"},
	} {
		mustRefuse(t, name, test.answer, test.status, test.code)
	}
	var waiting int
	if h.World.Get(`select count(*) from platform.backchannel_requests`, nil, &waiting); waiting != 1 {
		t.Errorf("%d requests were kept, want the one that was good", waiting)
	}
}

func TestCIBA_SlowDownAndExpiry(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	id := mustAsk(t, h, "desk", url.Values{"requested_expiry": {"120"}})
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{0, "authorization_pending"}, {time.Second, "slow_down"}, {8 * time.Second, "slow_down"}, {16 * time.Second, "authorization_pending"}, {2 * time.Minute, "expired_token"}} {
		h.Advance(step.after)
		mustRefuse(t, step.after.String()+" later", pollRequest(h, "desk", id), http.StatusBadRequest, step.want)
	}
	if page := requests(h.Browser(), "ann"); strings.Contains(string(page.Body), `name="decision"`) {
		t.Error("what has expired is still asked")
	}
}

func TestCIBA_ParallelRedemption(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t, webtest.Wide)
	replicas := h.Three()
	for range webtest.Rounds(t, 2) {
		id := mustAsk(t, h, "desk", url.Values{"scope": {"openid offline_access"}})
		b := h.Browser()
		answerQuestion(b, requests(b, "ann"), "accept")
		won := 0
		for _, a := range atOnce(100, func(i int) webtest.Answer { return pollRequest(replicas[i%3], "desk", id) }) {
			if a.Status == http.StatusOK {
				won++
				continue
			}
			mustRefuse(t, "one of a hundred", a, http.StatusBadRequest, "invalid_grant")
		}
		if won != 1 {
			t.Errorf("%d of 100 got tokens", won)
		}
		h.Advance(10 * time.Minute) // questions are counted
	}
}

// TestI5_CIBAIsNoDoor: asking signs nobody in. The answer counts from the person who
// was asked alone, in the browser and by the sign-in it was shown to; one whom the
// limits keep out cannot answer, and one who is disabled meanwhile gives nothing.
func TestI5_CIBAIsNoDoor(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	h.User("bob")
	id := mustAsk(t, h, "desk", nil)
	b := h.Browser()
	form := questionForm(t, requests(b, "ann"), 0, "accept")

	other := h.Browser()
	theirs := requests(other, "bob")
	if strings.Contains(string(theirs.Body), `name="decision"`) {
		t.Error("another person is asked")
	}
	refused := func(what string, p *webtest.Page) {
		t.Helper()
		if p.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d\n%s", what, p.StatusCode, p.Body)
		}
	}
	csrf := other.Get("/account").Form(t, "sign-out", nil).Values["csrf"]
	refused("another person's browser", other.Post(form.Action, url.Values{"csrf": csrf, "flow": form.Values["flow"], "decision": {"accept"}}))
	b.Press(b.Get("/account"), "sign-out", nil)
	b.SignIn(b.Get("/login"), "bob")
	refused("another person in the same browser", b.Post(form.Action, form.Values))
	mustRefuse(t, "the client", pollRequest(h, "desk", id), http.StatusBadRequest, "authorization_pending")

	// The limits of the sign-in hold before the page as before any other.
	locked := h.Browser()
	signIn := locked.Get("/login?flow=account%3Arequests")
	status := 0
	for range 12 {
		status = locked.Press(signIn, "sign-in", url.Values{"username": {"ann"}, "password": {"wrong"}}).StatusCode
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("after twelve wrong passwords: %d", status)
	}
	h.Advance(8 * time.Minute)
	again := mustAsk(t, h, "desk", nil)
	h.Advance(-8 * time.Minute)
	ann := h.Browser()
	if p := ann.SignIn(ann.Get("/login?flow=account%3Arequests"), "ann"); strings.Contains(string(p.Body), `name="decision"`) {
		t.Error("whom the limit keeps out can answer")
	}
	mustRefuse(t, "the client again", pollRequest(h, "desk", again), http.StatusBadRequest, "authorization_pending")
}

// What a person lost between the yes and the poll is not in the token.
func TestCIBA_RightsAtRedemption(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	one, two := mustAsk(t, h, "desk", url.Values{"scope": {"openid user tools:execute"}}), mustAsk(t, h, "desk", nil)
	b := h.Browser()
	answerQuestion(b, answerQuestion(b, requests(b, "ann"), "accept"), "accept")
	h.World.Exec(`update platform.users set role = $1 where username = 'ann'`, authz.RoleViewer)
	if got := mustGrant(t, "poll", pollRequest(h, "desk", one)).Text("scope"); got != "openid user" {
		t.Errorf("scope is %q", got)
	}
	h.World.Exec(`update platform.users set disabled_at = now() where username = 'ann'`)
	mustRefuse(t, "disabled", pollRequest(h, "desk", two), http.StatusBadRequest, "invalid_grant")
}

// A person is not flooded, whoever asks, and names are not tried out.
func TestCIBA_Limits(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	for i := range 5 {
		mustAsk(t, h, []string{"desk", "till"}[i%2], nil)
	}
	mustRefuse(t, "the sixth", ask(h, "desk", nil), http.StatusTooManyRequests, "temporarily_unavailable")
	h.User("bob")
	for i := range 11 {
		ask(h, "desk", url.Values{"login_hint": {fmt.Sprint("nobody", i)}})
	}
	for _, name := range []string{"nobody", "bob"} {
		mustRefuse(t, "after many names: "+name, ask(h, "desk", url.Values{"login_hint": {name}}), http.StatusTooManyRequests, "temporarily_unavailable")
	}
	if a := ask(h, "till", url.Values{"login_hint": {"bob"}}); a.Status != http.StatusOK {
		t.Errorf("another client: %d %s", a.Status, a.Raw)
	}
	h.Advance(time.Minute + time.Second)
	if a := ask(h, "desk", url.Values{"login_hint": {"bob"}}); a.Status != http.StatusOK {
		t.Errorf("after a minute: %d %s", a.Status, a.Raw)
	}
}

// OpenID CIBA Core 1.0 §7.1: an ID token names its person also where its subject is one that
// the client alone sees. It never says the same twice, and another client cannot use it.
func TestCIBA_HintOfAPairwiseSubject(t *testing.T) {
	t.Parallel()
	h := newCallCentre(t)
	for _, id := range []string{"one", "two"} {
		h.Client(id, func(c *storage.Client) {
			c.Metadata.SubjectType, c.Metadata.SectorIdentifierURI = "pairwise", "https://"+id+".example/uris"
			c.Metadata.BackChannelDelivery, c.GrantTypes = "poll", append(c.GrantTypes, storage.GrantAuthorizationCode, cibaGrant)
		})
	}
	b := h.Browser()
	proof := webtest.NewProof()
	token := mustGrant(t, "code", h.Exchange("one", b.Authorize(proof, "one", "ann", url.Values{"scope": {"openid"}}).Get("code"), proof)).Text("id_token")
	hint := url.Values{"login_hint": nil, "id_token_hint": {token}}
	id := mustAsk(t, h, "one", hint)
	answerQuestion(b, requests(b, "ann"), "accept")
	again := mustGrant(t, "poll", pollRequest(h, "one", id)).Text("id_token")
	first, second := claimsOf(t, token), claimsOf(t, again)
	if first["sub"] != second["sub"] || first["gth_usr"] == second["gth_usr"] || strings.Contains(fmt.Sprint(first), h.World.Text(`select id::text from platform.users where username = 'ann'`)) {
		t.Errorf("first %v, then %v", first, second)
	}
	mustRefuse(t, "another client's", ask(h, "two", hint), http.StatusBadRequest, "invalid_request")
}
