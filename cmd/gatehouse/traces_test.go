package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
	"github.com/gatehouse/gatehouse/web/webtest"
)

// traced is a house whose every request is traced, and what ends the tracing and tells what
// was sent, in the clear and as bytes.
func traced(t *testing.T, trusted []netip.Prefix, options ...webtest.Option) (*webtest.House, func() ([]*trace.Span, []byte)) {
	t.Helper()
	var sent bytes.Buffer
	var mu sync.Mutex
	var spans []*trace.Span
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		sent.Write(body)
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				spans = append(spans, scope.Spans...)
			}
		}
	}))
	t.Cleanup(receiver.Close)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	tracing, err := newTraces(t.Context(), &config.Config{OTLPEndpoint: receiver.URL, TraceSampleRatio: 1, TrustedProxies: trusted}, log)
	if err != nil {
		t.Fatal(err)
	}
	h := webtest.Boot(t, append(options, func(c *web.Config, o *postgres.Options) {
		inner := c.Observe
		c.Observe = func(ctx context.Context, o web.Observation) {
			tracing.observe(ctx, o)
			if inner != nil {
				inner(ctx, o)
			}
		}
		tracing.ofStatements(o)
	})...)
	var serving sync.WaitGroup
	h.Surround(func(made http.Handler) http.Handler {
		around := tracing.around(made)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			serving.Add(1)
			defer serving.Done()
			around.ServeHTTP(w, r)
		})
	})
	return h, func() ([]*trace.Span, []byte) {
		serving.Wait()
		tracing.flush(log)
		mu.Lock()
		defer mu.Unlock()
		return spans, sent.Bytes()
	}
}

func call(t *testing.T, method, address string, form url.Values, header http.Header) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

func spanOf(t *testing.T, spans []*trace.Span, name string) *trace.Span {
	t.Helper()
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no span %s among %d", name, len(spans))
	return nil
}

func told(s *trace.Span, key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

// TestTraces_FromRequestToStatement: the span of a request has its route's name and the
// request's id, and each statement that it sent is within it.
func TestTraces_FromRequestToStatement(t *testing.T) {
	t.Parallel()
	h, ended := traced(t, nil)
	h.User("ann")
	h.Client("web")
	tokens := h.Tokens("web", "ann", nil)
	request := http.Header{}
	r := &http.Request{Header: request}
	r.SetBasicAuth("web", webtest.ClientSecret)
	answer := call(t, http.MethodPost, h.URL+"/oauth2/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.Text("refresh_token")}}, request)
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("refresh: %s", answer.Status)
	}
	spans, _ := ended()
	id := answer.Header.Get("X-Request-Id")
	at := slices.IndexFunc(spans, func(s *trace.Span) bool {
		return s.Name == "POST /oauth2/token" && told(s, "gatehouse.request_id") == id
	})
	if id == "" || at < 0 {
		t.Fatalf("no span of the token endpoint has the request id %q", id)
	}
	root := spans[at]
	if grant := told(root, "gatehouse.grant"); grant != "refresh_token" {
		t.Errorf("grant %q", grant)
	}
	above := map[string]string{}
	for _, s := range spans {
		above[hex.EncodeToString(s.SpanId)] = hex.EncodeToString(s.ParentSpanId)
	}
	statements := 0
	for _, s := range spans {
		if !strings.Contains(told(s, "db.query.text"), "platform.grants") {
			continue
		}
		at := hex.EncodeToString(s.SpanId)
		for above[at] != "" && at != hex.EncodeToString(root.SpanId) {
			at = above[at]
		}
		if bytes.Equal(s.TraceId, root.TraceId) && at == hex.EncodeToString(root.SpanId) {
			statements++
		}
	}
	if statements == 0 {
		t.Errorf("no statement on grants within the request, of %d spans", len(spans))
	}
}

// TestTraces_WhoDecides: a trusted proxy's trace is gone on with; a stranger's is linked to.
func TestTraces_WhoDecides(t *testing.T) {
	t.Parallel()
	const theirs = "4bf92f3577b34da6a3ce929d0e0e4736"
	for name, trusted := range map[string][]netip.Prefix{"stranger": nil, "proxy": {netip.MustParsePrefix("127.0.0.0/8")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, ended := traced(t, trusted)
			call(t, http.MethodGet, h.URL+"/oauth2/jwks", nil, http.Header{"Traceparent": {"00-" + theirs + "-00f067aa0ba902b7-01"}})
			spans, _ := ended()
			request := spanOf(t, spans, "GET /oauth2/jwks")
			goesOn := hex.EncodeToString(request.TraceId) == theirs
			if goesOn != (trusted != nil) || goesOn == (len(request.Links) == 1) {
				t.Errorf("goes on with the caller's trace: %v; %d links", goesOn, len(request.Links))
			}
		})
	}
}

// TestP1_NoSecretIsTracedOrMeasured: what is secret is in no span, in nothing that the
// operators' listener tells, and in no label of a profile taken amid the requests.
func TestP1_NoSecretIsTracedOrMeasured(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	operators := operatorHandler(func(context.Context) error { return nil }, m)
	ask := func(path string) string {
		answer := httptest.NewRecorder()
		operators.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer.Body.String()
	}
	var profiles webtest.Log
	h, ended := traced(t, nil, webtest.TakingRegistrations, func(c *web.Config, _ *postgres.Options) {
		c.Observe = func(_ context.Context, o web.Observation) {
			m.observe(o)
			_, _ = profiles.Write([]byte(ask("/debug/pprof/goroutine?debug=1")))
		}
	})
	m.watch(h.Server(), h.Store, slog.New(slog.DiscardHandler))
	all := h.WalkOfSecrets(h.Post())
	call(t, http.MethodGet, h.URL+"/oauth2/userinfo", nil, http.Header{"Cookie": {"session=canary-of-a-cookie"}, "Referer": {"https://x.example/?code=canary-of-a-referrer"}})
	spans, sent := ended()
	if len(spans) < 100 {
		t.Errorf("only %d spans: little was looked at", len(spans))
	}
	for where, text := range map[string]string{
		"the spans": string(sent), "the metrics": ask("/metrics"), "the profiles": profiles.String() + ask("/debug/pprof/heap?debug=1") + ask("/debug/pprof/cmdline"),
	} {
		if strings.Contains(text, "canary") {
			t.Errorf("%s have a canary", where)
		}
		for _, name := range all.ToldBy(text) {
			t.Errorf("%s have the %s: %q", where, name, all[name])
		}
	}
	if !strings.Contains(ask("/metrics"), `gatehouse_token_requests_total{grant="ciba",status="400"} 1`) || !strings.Contains(profiles.String(), "goroutine profile: total") {
		t.Error("nothing was measured")
	}
}

// TestTraces_OffByDefault: without a collector nothing stands around the server.
func TestTraces_OffByDefault(t *testing.T) {
	tracing, err := newTraces(t.Context(), &config.Config{}, slog.New(slog.DiscardHandler))
	if tracing != nil || err != nil {
		t.Fatalf("%v %v", tracing, err)
	}
	var options postgres.Options
	tracing.ofStatements(&options)
	if options.Tracer != nil {
		t.Error("statements are traced")
	}
	hello := http.NotFoundHandler()
	if got := tracing.around(hello); got == nil {
		t.Error("nothing is served")
	}
	tracing.observe(t.Context(), web.Observation{})
	tracing.flush(nil)
}
