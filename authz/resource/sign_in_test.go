package resource

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
)

// signedIn is an authenticator whose every token is one person's.
type signedIn Principal

func (s signedIn) Authenticate(context.Context, string) (*Principal, error) {
	p := Principal(s)
	return &p, nil
}

// RFC 9470 §3.
func TestRequirementOfASignIn(t *testing.T) {
	need := requirement(t, `[{"oauth2":["user","agents:read"]}]`)
	const challenge = `Bearer realm="resource", error="insufficient_user_authentication", scope="user agents:read"`
	person := signedIn{Subject: "ann", ClientID: "web", Scopes: authz.ScopeSet{"user", "agents:read"}, ACR: authz.ACRSingleFactor, AuthTime: testNow.Add(-10 * time.Minute)}
	for name, test := range map[string]struct {
		signIn SignIn
		change func(*signedIn)
		status int
		want   string
	}{
		"strong enough":   {SignIn{ACR: []authz.ACR{"aal2"}}, func(s *signedIn) { s.ACR = authz.ACRPhishingResistant }, 200, ""},
		"one of two":      {SignIn{ACR: []authz.ACR{"phr", "aal1"}}, nil, 200, ""},
		"too weak":        {SignIn{ACR: []authz.ACR{"phr", "aal2"}}, nil, 401, challenge + `, acr_values="phr aal2"`},
		"without a class": {SignIn{ACR: []authz.ACR{"aal1"}}, func(s *signedIn) { s.ACR = "" }, 401, challenge + `, acr_values="aal1"`},
		"recent enough":   {SignIn{MaxAge: 10 * time.Minute}, nil, 200, ""},
		"too long ago":    {SignIn{MaxAge: 5 * time.Minute}, nil, 401, challenge + `, max_age="300"`},
		"nobody knows":    {SignIn{MaxAge: 5 * time.Minute}, func(s *signedIn) { s.AuthTime = time.Time{} }, 401, challenge + `, max_age="300"`},
		"both":            {SignIn{ACR: []authz.ACR{"aal2"}, MaxAge: time.Minute}, nil, 401, challenge + `, acr_values="aal2", max_age="60"`},
		"a client's own":  {SignIn{}, func(s *signedIn) { s.Subject = "web" }, 401, challenge},
		"scopes come first": {SignIn{ACR: []authz.ACR{"phr"}}, func(s *signedIn) { s.Scopes = authz.ScopeSet{"user"} }, 403,
			`Bearer realm="resource", error="insufficient_scope", scope="user agents:read"`},
	} {
		who := person
		if test.change != nil {
			test.change(&who)
		}
		g := NewGuard(who, GuardConfig{Now: func() time.Time { return testNow }})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		g.Require(need.WithSignIn(test.signIn))(whoami).ServeHTTP(w, r)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != test.status || got != test.want {
			t.Errorf("%s: %d\n got %s\nwant %s", name, w.Code, got, test.want)
		}
	}
	if need.signIn != nil {
		t.Error("the requirement that it was made from has changed")
	}
}
