package faults

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// worker is one person's browser with the clients around it. It does one thing after
// the other, at random, and asks again, as clients do, while the answer is in doubt.
type worker struct {
	*caller
	log      *log
	name     string
	families []*grant
	tokens   []token
	dead     []token
	admin    string // an access token for the API
	adminAt  time.Time
}

// grant is a family of refresh tokens, the leaf last.
type grant struct {
	id      string
	refresh []string
	access  string
	over    bool
}

type token struct {
	text, family string
	at           time.Time
}

const (
	families = 8   // that a worker keeps
	held     = 50  // tokens of machines
	keepDead = 500 // revoked ones that are asked about again
)

func pick(n int) int {
	i, _ := rand.Int(rand.Reader, big.NewInt(int64(n)))
	return int(i.Int64())
}

func (w *worker) work(ctx context.Context, pause time.Duration) {
	acts := []func(context.Context){w.issue, w.issue, w.introspect, w.introspect, w.introspect, w.codeFlow, w.refresh, w.refresh, w.refresh, w.refreshTwice, w.redeemTwice, w.revokeToken, w.revokeFamily, w.change}
	for ctx.Err() == nil {
		acts[pick(len(acts))](ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// event sends a request and keeps its answer; read says what an acknowledged one yields.
func (w *worker) event(e Event, send func() answer, read func(answer) (yield, family string)) (Event, answer) {
	e.Begun = time.Now()
	a := send()
	e.Answered, e.Status = time.Now(), a.status
	if e.Acknowledged() {
		yield, family := read(a)
		if family != "" {
			e.Family = family
		}
		if e.Yield = yield; yield == "" && e.Kind != Introspect && e.Kind != Revoke && e.Kind != Change {
			e.Status = http.StatusInternalServerError // a success that gives nothing
		}
	}
	// Only a spent code or token is refused.
	odd := !e.Acknowledged() && e.Status != 0 && e.Status != http.StatusServiceUnavailable &&
		!(e.Status == http.StatusBadRequest && (e.Kind == Redeem || e.Kind == Refresh) && a.text("error") == "invalid_grant")
	w.log.add(e)
	w.log.count(string(e.Kind), a, e.Answered.Sub(e.Begun), odd)
	return e, a
}

// until asks again while the answer is in doubt, as soon as it may.
func until(ctx context.Context, ask func() (Event, answer)) (Event, answer) {
	for {
		e, a := ask()
		if e.Acknowledged() || e.Refused() || ctx.Err() != nil {
			return e, a
		}
		after := 100 * time.Millisecond
		if seconds, err := strconv.Atoi(a.header.Get("Retry-After")); err == nil {
			after = min(time.Duration(seconds)*time.Second, time.Second)
		}
		select {
		case <-ctx.Done():
		case <-time.After(after):
		}
	}
}

func none(answer) (string, string) { return "", "" }

func (w *worker) machineToken() answer {
	return w.post("/oauth2/token", &w.site.Machine, url.Values{"grant_type": {"client_credentials"}, "scope": {"users:manage"}})
}

func (w *worker) issue(context.Context) {
	e, _ := w.event(Event{Kind: Issue}, w.machineToken, func(a answer) (string, string) { return a.text("access_token"), "" })
	if e.Acknowledged() {
		w.tokens = append(w.tokens, token{e.Yield, "", e.Answered})
		w.tokens = w.tokens[max(0, len(w.tokens)-held):]
		w.admin, w.adminAt = e.Yield, e.Answered
	}
}

// ask introspects a token at the replica whose turn it is.
func (w *worker) ask(t token) (Event, answer) {
	return w.event(Event{Kind: Introspect, Of: t.text, Family: t.family}, func() answer {
		return w.post("/oauth2/introspect", &w.site.Machine, url.Values{"token": {t.text}})
	}, func(a answer) (string, string) {
		if slices.Contains([]string{`{"active":false}`, "{\"active\":false}\n"}, string(a.body)) {
			return "", ""
		}
		return Active, ""
	})
}

func (w *worker) introspect(context.Context) {
	from := w.tokens
	if len(w.dead) > 0 && pick(2) == 0 {
		from = w.dead
	}
	if len(from) == 0 {
		return
	}
	if t := from[pick(len(from))]; time.Since(t.at) < tokenFresh {
		w.ask(t)
	}
}

// authorization is a request for a code, and the verifier that belongs to it.
func (w *worker) authorization() (address, verifier string) {
	verifier = rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	return "/oauth2/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {w.site.Web.ID}, "redirect_uri": {redirectURI}, "scope": {"openid offline_access"},
		"state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}.Encode(), verifier
}

// code asks for one; "" where none comes.
func (w *worker) code() (code, verifier string) {
	address, verifier := w.authorization()
	e, _ := w.event(Event{Kind: Authorize}, func() answer {
		a := w.get(address)
		// RFC 6749 §4.1.2.1: what is 503 elsewhere is told to the client by redirect.
		if a.status != 0 && strings.Contains(a.header.Get("Location"), "error=temporarily_unavailable") {
			a.status = http.StatusServiceUnavailable
			a.header.Set("Retry-After", "1")
		}
		return a
	}, func(a answer) (string, string) {
		to, err := url.Parse(a.header.Get("Location"))
		if err != nil {
			return "", ""
		}
		return to.Query().Get("code"), ""
	})
	return e.Yield, verifier
}

func (w *worker) redeem(code, verifier string) (Event, answer) {
	return w.event(Event{Kind: Redeem, Of: code}, func() answer {
		return w.post("/oauth2/token", &w.site.Web, url.Values{
			"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirectURI}, "code_verifier": {verifier},
		})
	}, tokensOf)
}

func tokensOf(a answer) (refresh, family string) {
	return a.text("refresh_token"), familyOf(a.text("access_token"))
}

func (w *worker) codeFlow(ctx context.Context) {
	code, verifier := w.code()
	if code == "" {
		return
	}
	e, a := until(ctx, func() (Event, answer) { return w.redeem(code, verifier) })
	if !e.Acknowledged() {
		return
	}
	w.families = append(w.families, &grant{id: e.Family, refresh: []string{e.Yield}, access: a.text("access_token")})
	if len(w.families) > families {
		w.settleFamily(w.families[0])
		w.families = w.families[1:]
	}
}

func (w *worker) redeemTwice(context.Context) {
	code, verifier := w.code()
	if code == "" {
		return
	}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { w.redeem(code, verifier) })
	}
	both.Wait()
}

func (w *worker) present(g *grant, refresh string) (Event, answer) {
	return w.event(Event{Kind: Refresh, Of: refresh, Family: g.id}, func() answer {
		return w.post("/oauth2/token", &w.site.Web, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
	}, tokensOf)
}

// living is one of the families that are not over.
func (w *worker) living() *grant {
	w.families = slices.DeleteFunc(w.families, func(g *grant) bool { return g.over })
	if len(w.families) == 0 {
		return nil
	}
	return w.families[pick(len(w.families))]
}

func (g *grant) leaf() string { return g.refresh[len(g.refresh)-1] }

func (g *grant) take(e Event, a answer) {
	if e.Acknowledged() && e.Yield != g.leaf() {
		g.refresh, g.access = append(g.refresh, e.Yield), a.text("access_token")
	}
	g.over = g.over || e.Refused()
}

func (w *worker) refresh(ctx context.Context) {
	if g := w.living(); g != nil {
		leaf := g.leaf()
		g.take(until(ctx, func() (Event, answer) { return w.present(g, leaf) }))
	}
}

func (w *worker) refreshTwice(ctx context.Context) {
	g := w.living()
	if g == nil {
		return
	}
	leaf, events, answers := g.leaf(), make([]Event, 2), make([]answer, 2)
	var both sync.WaitGroup
	for i := range events {
		both.Go(func() { events[i], answers[i] = until(ctx, func() (Event, answer) { return w.present(g, leaf) }) })
	}
	both.Wait()
	for i := range events {
		g.take(events[i], answers[i])
	}
}

func (w *worker) revoke(ctx context.Context, as *Client, of, family string) bool {
	e, _ := until(ctx, func() (Event, answer) {
		return w.event(Event{Kind: Revoke, Of: of, Family: family}, func() answer {
			return w.post("/oauth2/revoke", as, url.Values{"token": {of}})
		}, none)
	})
	return e.Acknowledged()
}

func (w *worker) bury(t token) {
	w.dead = append(w.dead, t)
	w.dead = w.dead[max(0, len(w.dead)-keepDead):]
}

func (w *worker) revokeToken(ctx context.Context) {
	if len(w.tokens) == 0 {
		return
	}
	i := pick(len(w.tokens))
	t := w.tokens[i]
	w.tokens = slices.Delete(w.tokens, i, i+1)
	if t.text == w.admin {
		w.admin = ""
	}
	if w.revoke(ctx, &w.site.Machine, t.text, "") {
		w.bury(t)
	}
}

func (w *worker) revokeFamily(ctx context.Context) {
	g := w.living()
	if g == nil {
		return
	}
	g.over = true
	if w.revoke(ctx, &w.site.Web, g.leaf(), g.id) {
		w.bury(token{g.access, g.id, time.Now()})
	}
	if pick(2) == 0 {
		w.present(g, g.leaf())
	}
}

// change makes a group, under a key by which it may ask again.
func (w *worker) change(ctx context.Context) {
	if w.admin == "" || time.Since(w.adminAt) > tokenFresh {
		return
	}
	name, key := newName(), rand.Text()
	// Where a process died with it, the key is claimed for ten minutes.
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	until(ctx, func() (Event, answer) {
		return w.event(Event{Kind: Change, Of: name}, func() answer {
			a := w.do(http.MethodPost, "/api/v1/groups", http.Header{
				"Authorization": {"Bearer " + w.admin}, "Content-Type": {"application/json"}, "Idempotency-Key": {key},
			}, `{"name":"`+name+`"}`)
			switch {
			case a.status == http.StatusConflict && a.header.Get("Retry-After") != "":
				a.status = http.StatusServiceUnavailable // it has begun, and is not answered yet
			case a.status == http.StatusConflict && strings.Contains(a.text("detail"), "was carried out"):
				a.status = http.StatusCreated // so it says
			}
			return a
		}, none)
	})
}

// settle asks what became of everything that the worker was promised.
func (w *worker) settle() {
	for _, g := range w.families {
		w.settleFamily(g)
	}
	for _, t := range w.tokens {
		if time.Since(t.at) < tokenFresh {
			w.ask(t)
		}
	}
	for _, t := range w.dead {
		for range w.each {
			w.ask(t)
		}
	}
}

// settleFamily takes the leaf and then a token of the past, which ends the family.
func (w *worker) settleFamily(g *grant) {
	if g.over {
		return
	}
	g.over = true
	e, _ := until(context.Background(), func() (Event, answer) { return w.present(g, g.leaf()) })
	if !e.Acknowledged() || len(g.refresh) < 2 {
		return
	}
	if e, _ := w.present(g, g.refresh[0]); e.Refused() {
		w.present(g, g.leaf())
	}
}
