package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/web/webtest"
)

const (
	bankAPI = "https://bank.example"
	payment = `{"type":"payment","actions":["initiate","status"],"creditor":"Bob <b>","amount":12.5,"instant":true}`
)

// newBank is a house with a resource server that understands payments, one of another
// tenant that understands secrets, and a client "payer" that may ask for both.
func newBank(t testing.TB) *webtest.House {
	t.Helper()
	h := newHouse(t)
	add := func(identifier string, tenant authz.TenantID, types string, scopes ...string) {
		h.World.Exec(`insert into platform.resources (identifier, tenant_id, name, scopes, detail_types, created_at) values ($1, $2, 'The bank', $3, $4, now())`,
			identifier, tenant, scopes, types)
	}
	add(bankAPI, authz.TenantID{}, `[{"type": "payment", "title": "Make a payment", "fields": [
		{"name": "actions", "kind": "strings", "required": true, "values": ["initiate", "status", "cancel"]},
		{"name": "creditor", "kind": "string"}, {"name": "amount", "kind": "number"}, {"name": "instant", "kind": "boolean"}]},
		{"type": "payment_initiation", "title": "Start a payment", "fields": [
		{"name": "instructedAmount", "kind": "object", "required": true, "fields": [
			{"name": "currency", "kind": "string", "required": true, "values": ["EUR", "USD"]}, {"name": "amount", "kind": "string", "required": true}]},
		{"name": "creditorName", "kind": "string", "required": true},
		{"name": "creditorAccount", "kind": "object", "required": true, "fields": [{"name": "iban", "kind": "string", "required": true}]},
		{"name": "documents", "kind": "objects", "fields": [{"name": "label", "kind": "string"}, {"name": "pages", "kind": "number"}]}]}]`, "agents:read")
	add("https://other.example", h.World.Tenant("elsewhere"), `[{"type": "secret", "fields": []}]`, "other:read")
	h.Client("payer", func(c *storage.Client) {
		c.Metadata.DetailTypes = []string{"payment", "payment_initiation", "secret", "unregistered"}
	})
	return h
}

// grantDetails walks a person through the consent that details always need.
func grantDetails(t testing.TB, h *webtest.House, b *webtest.Browser, details string, change url.Values) webtest.Answer {
	t.Helper()
	proof := webtest.NewProof()
	if change == nil {
		change = url.Values{}
	}
	change.Set("authorization_details", details)
	p := b.Get(proof.Authorization("payer", change))
	if strings.Contains(string(p.Body), `id="sign-in"`) {
		p = b.SignIn(p, "ann")
	}
	if !strings.Contains(string(p.Body), `id="accept"`) {
		t.Fatalf("nobody is asked: %d %v\n%s", p.StatusCode, p.Left, p.Body)
	}
	p = b.Press(p, "accept", nil)
	return mustGrant(t, "exchange", h.Exchange("payer", p.Left.Query().Get("code"), proof))
}

func detailsOf(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	noError(t, err)
	return string(text)
}

// RFC 9396: shown, granted, in the token, in the answer, in introspection; asked anew
// each time; narrowed and never widened.
func TestRAR(t *testing.T) {
	t.Parallel()
	h := newBank(t)
	b := h.Browser()
	page := b.SignIn(b.Get(webtest.NewProof().Authorization("payer", url.Values{"authorization_details": {"[" + payment + "]"}})), "ann")
	for _, want := range []string{"Make a payment", "The bank", "initiate, status", "Bob &lt;b&gt;", "12.5", "instant"} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the consent page does not say %q:\n%s", want, page.Body)
		}
	}
	tokens := grantDetails(t, h, b, "["+payment+"]", url.Values{"scope": {"openid offline_access"}})
	var want any
	noError(t, json.Unmarshal([]byte("["+payment+"]"), &want))
	access := tokens.Text("access_token")
	for what, got := range map[string]any{
		"answer": tokens.JSON["authorization_details"], "token": claimsOf(t, access)["authorization_details"], "introspection": h.Introspect("rs", access).JSON["authorization_details"],
	} {
		if detailsOf(t, got) != detailsOf(t, want) {
			t.Errorf("%s: %s", what, detailsOf(t, got))
		}
	}
	if audience := audienceOf(t, access); !slices.Contains(audience, bankAPI) {
		t.Errorf("the token is for %v", audience)
	}
	narrow := `[{"type":"payment","actions":["status"],"creditor":"Bob <b>","amount":12.5,"instant":true}]`
	less := mustGrant(t, "narrowed", refresh(h, "payer", tokens.Text("refresh_token"), url.Values{"authorization_details": {narrow}}))
	if got := detailsOf(t, claimsOf(t, less.Text("access_token"))["authorization_details"]); !strings.Contains(got, `["status"]`) {
		t.Errorf("narrowed: %s", got)
	}
	for what, asked := range map[string]string{
		"more actions": `[{"type":"payment","actions":["status","cancel"],"creditor":"Bob <b>","amount":12.5,"instant":true}]`,
		"more money":   strings.Replace(narrow, "12.5", "1250", 1),
		"a limit less": `[{"type":"payment","actions":["status"],"creditor":"Bob <b>","instant":true}]`,
		"another type": `[{"type":"secret"}]`,
		"nothing":      `[]`,
		"no list":      `{}`,
	} {
		mustRefuse(t, what, refresh(h, "payer", less.Text("refresh_token"), url.Values{"authorization_details": {asked}}), http.StatusBadRequest, "invalid_authorization_details")
	}
	// What there is no more is in no token any more.
	h.World.Exec(`update platform.resources set detail_types = '[]' where identifier = $1`, bankAPI)
	h = h.Replica()
	later := mustGrant(t, "after the type went", refresh(h, "payer", less.Text("refresh_token"), nil))
	if _, present := claimsOf(t, later.Text("access_token"))["authorization_details"]; present {
		t.Error("a type that is gone is still granted")
	}
}

// A pushed request is judged as it is pushed, and shown as any other.
func TestRAR_Pushed(t *testing.T) {
	t.Parallel()
	h := newBank(t)
	proof := webtest.NewProof()
	form := parseQuery(t, proof.Authorization("payer", url.Values{"authorization_details": {"[" + payment + "]"}}))
	a := h.Call("/oauth2/par", "payer", webtest.ClientSecret, form)
	if a.Status != http.StatusCreated {
		t.Fatalf("push: %d %s", a.Status, a.Raw)
	}
	b := h.Browser()
	p := b.SignIn(b.Get("/oauth2/authorize?"+url.Values{"client_id": {"payer"}, "request_uri": {a.Text("request_uri")}}.Encode()), "ann")
	if !strings.Contains(string(p.Body), "Make a payment") {
		t.Errorf("a pushed detail is not shown:\n%s", p.Body)
	}
	form.Set("authorization_details", `[{"type":"payment"}]`)
	mustRefuse(t, "a pushed detail without its members", h.Call("/oauth2/par", "payer", webtest.ClientSecret, form), http.StatusBadRequest, "invalid_authorization_details")
}

func parseQuery(t testing.TB, address string) url.Values {
	t.Helper()
	u, err := url.Parse(address)
	noError(t, err)
	return u.Query()
}

// RFC 9396 §5: everything that is not as registered is refused, wherever it is sent.
func TestRAR_Refuses(t *testing.T) {
	t.Parallel()
	h := newBank(t)
	b := h.Browser()
	b.SignIn(b.Get("/login"), "ann")
	for name, details := range map[string]string{
		"not JSON":                  `x`,
		"an object":                 payment,
		"an empty list":             `[]`,
		"text behind it":            "[" + payment + "] x",
		"no type":                   `[{"actions":["status"]}]`,
		"a type that is no text":    `[{"type":1}]`,
		"null":                      `[null]`,
		"an unknown type":           `[{"type":"unregistered"}]`,
		"another tenant's type":     `[{"type":"secret"}]`,
		"an unknown member":         `[{"type":"payment","actions":["status"],"iban":"x"}]`,
		"a missing member":          `[{"type":"payment","creditor":"Bob"}]`,
		"a value that is not one":   `[{"type":"payment","actions":["delete"]}]`,
		"a value twice":             `[{"type":"payment","actions":["status","status"]}]`,
		"an empty list of values":   `[{"type":"payment","actions":[]}]`,
		"text for a list":           `[{"type":"payment","actions":"status"}]`,
		"text for a number":         `[{"type":"payment","actions":["status"],"amount":"12"}]`,
		"an object for a text":      `[{"type":"payment","actions":["status"],"creditor":{"name":"Bob"}}]`,
		"null for a boolean":        `[{"type":"payment","actions":["status"],"instant":null}]`,
		"seventeen":                 "[" + strings.Repeat(payment+",", 16) + payment + "]",
		"more than four kilobytes":  `[{"type":"payment","actions":["status"],"creditor":"` + strings.Repeat("x", 4<<10) + `"}]`,
		"a good one and a bad one":  "[" + payment + `,{"type":"payment"}]`,
		"a number that is too much": `[{"type":"payment","actions":["status"],"amount":1e999}]`,
	} {
		p := b.Get(webtest.NewProof().Authorization("payer", url.Values{"authorization_details": {details}}))
		if p.Left == nil || p.Left.Query().Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Left)
		}
	}
	for name, change := range map[string]url.Values{
		"a client that is not registered for it": {"client_id": {"web"}},
		"a resource that does not know it":       {"resource": {h.URL}},
	} {
		change.Set("authorization_details", "["+payment+"]")
		p := b.Get(webtest.NewProof().Authorization("payer", change))
		if p.Left == nil || p.Left.Query().Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: %d %v", name, p.StatusCode, p.Left)
		}
	}
	if p := b.Get(webtest.NewProof().Authorization("payer", url.Values{"authorization_details": {"[" + payment + "]"}, "prompt": {"none"}})); p.Left == nil || p.Left.Query().Get("error") != "consent_required" {
		t.Errorf("without a question: %v", p.Left)
	}
	h.Machine("robot")
	mustRefuse(t, "client credentials", h.Token("robot", url.Values{"grant_type": {"client_credentials"}, "authorization_details": {"[" + payment + "]"}}), http.StatusBadRequest, "invalid_authorization_details")
	if got := document(t, h)["authorization_details_types_supported"]; detailsOf(t, got) != `["payment","payment_initiation"]` {
		t.Errorf("discovery announces %v", got)
	}
}

// instruction is the example of RFC 9396 §2, but for what change puts in the place of its parts.
func instruction(change ...string) string {
	return "[" + strings.NewReplacer(change...).Replace(`{"type":"payment_initiation","instructedAmount":{"currency":"EUR","amount":"123.50"},"creditorName":"Merchant A",`+
		`"creditorAccount":{"iban":"DE02100100109307118603"},"documents":[{"label":"Bill <b>","pages":2},{"label":"Order"}]}`) + "]"
}

// Members may be objects, and lists of them: shown one by one, granted as they are,
// narrowed by the list alone.
func TestRAR_Nested(t *testing.T) {
	t.Parallel()
	h := newBank(t)
	b := h.Browser()
	shown := instruction("Merchant A", `Merchant \u202eA\u0007 \u0645\u06cc\u200c\u0631`)
	page := b.SignIn(b.Get(webtest.NewProof().Authorization("payer", url.Values{"authorization_details": {shown}})), "ann")
	for _, want := range []string{
		"Start a payment", "<dt>instructedAmount › currency</dt><dd><bdi>EUR</bdi></dd>", "<dt>instructedAmount › amount</dt><dd><bdi>123.50</bdi></dd>",
		"<dt>creditorAccount › iban</dt><dd><bdi>DE02100100109307118603</bdi></dd>", "<dt>documents 1 › label</dt><dd><bdi>Bill &lt;b&gt;</bdi></dd>",
		"<dt>documents 1 › pages</dt><dd><bdi>2</bdi></dd>", "<dt>documents 2 › label</dt><dd><bdi>Order</bdi></dd>",
		"Merchant \ufffdA\ufffd \u0645\u06cc\u200c\u0631", // nothing hides, or turns the text around; a joiner is a letter's
	} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the consent page does not say %q:\n%s", want, page.Body)
		}
	}
	tokens := grantDetails(t, h, b, instruction(), url.Values{"scope": {"openid offline_access"}})
	var want any
	noError(t, json.Unmarshal([]byte(instruction()), &want))
	access := tokens.Text("access_token")
	for what, got := range map[string]any{
		"answer": tokens.JSON["authorization_details"], "token": claimsOf(t, access)["authorization_details"], "introspection": h.Introspect("rs", access).JSON["authorization_details"],
	} {
		if detailsOf(t, got) != detailsOf(t, want) {
			t.Errorf("%s: %s", what, detailsOf(t, got))
		}
	}
	token := tokens.Text("refresh_token")
	for what, asked := range map[string]string{
		"more money":            instruction("123.50", "923.50"),
		"another account":       instruction("DE02", "DE03"),
		"no account":            instruction(`{"iban":"DE02100100109307118603"}`, `{}`),
		"a member more":         instruction(`"amount":`, `"fee":"1","amount":`),
		"text for an object":    instruction(`{"iban":"DE02100100109307118603"}`, `"DE02100100109307118603"`),
		"an element changed":    instruction(`"pages":2`, `"pages":3`),
		"an element of another": instruction(`,{"label":"Order"}`, `,{"label":"Other"}`),
		"an element less said":  instruction(`,"pages":2`, ``),
	} {
		mustRefuse(t, what, refresh(h, "payer", token, url.Values{"authorization_details": {asked}}), http.StatusBadRequest, "invalid_authorization_details")
	}
	less := mustGrant(t, "narrowed", refresh(h, "payer", token, url.Values{"authorization_details": {instruction(`,{"label":"Order"}`, ``)}}))
	if got := detailsOf(t, claimsOf(t, less.Text("access_token"))["authorization_details"]); strings.Contains(got, "Order") || !strings.Contains(got, "Bill") {
		t.Errorf("narrowed: %s", got)
	}
	for what, asked := range map[string]string{
		"a member missing within":     instruction(`,"amount":"123.50"`, ``),
		"a member unknown within":     instruction(`"amount":`, `"fee":"1","amount":`),
		"a value not allowed within":  instruction("EUR", "XXX"),
		"text for an object":          instruction(`{"iban":"DE02100100109307118603"}`, `"DE02"`),
		"a list for an object":        instruction(`{"iban":"DE02100100109307118603"}`, `[{"iban":"DE02"}]`),
		"an object for a list":        instruction(`[{"label":"Bill <b>","pages":2},{"label":"Order"}]`, `{"label":"Order"}`),
		"text in a list of objects":   instruction(`,{"label":"Order"}`, `,"Order"`),
		"null in a list of objects":   instruction(`,{"label":"Order"}`, `,null`),
		"an empty list":               instruction(`[{"label":"Bill <b>","pages":2},{"label":"Order"}]`, `[]`),
		"the same twice":              instruction(`"Bill <b>","pages":2`, `"Order"`),
		"an object deep within":       instruction(`"Order"`, `{"a":{"b":{}}}`),
		"more than there is room for": instruction("Order", strings.Repeat("x", 4<<10)),
		"deeper than anybody goes":    instruction(`"Order"`, strings.Repeat("[", 900)+strings.Repeat("]", 900)),
	} {
		p := b.Get(webtest.NewProof().Authorization("payer", url.Values{"authorization_details": {asked}}))
		if p.Left == nil || p.Left.Query().Get("error") != "invalid_authorization_details" {
			t.Errorf("%s: %d %v", what, p.StatusCode, p.Left)
		}
	}
}
