package main

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gatehouse/gatehouse/cmd/internal/guard"
)

// longestSilence is how long the feed may be silent before the guard lets nobody in;
// see [resource.OfflineConfig].
const longestSilence = 15 * time.Second

// guardOperators is what the guard tells its operators. No label takes a value that a
// caller chose.
type guardOperators struct {
	guard    *guard.Guard
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newGuardOperators(g *guard.Guard) *guardOperators {
	o := &guardOperators{guard: g, registry: prometheus.NewRegistry(), requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "gatehouse_guard_request_duration_seconds", Help: "How long requests took, the service's part among it, by status.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"status"})}
	o.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), o.requests,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gatehouse_guard_feed_silence_seconds", Help: "How long the revocation feed has told nothing; from 15 on nobody is let in. 0 where it is not followed.",
		}, func() float64 { return g.Silence().Seconds() }))
	return o
}

// counted serves as the guard does, and counts what comes of it.
func (o *guardOperators) counted(w http.ResponseWriter, r *http.Request) {
	begun, seen := time.Now(), &statusSeen{ResponseWriter: w, status: http.StatusOK}
	o.guard.ServeHTTP(seen, r)
	o.requests.WithLabelValues(strconv.Itoa(seen.status)).Observe(time.Since(begun).Seconds())
}

// handler is for the operators' listener.
func (o *guardOperators) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if o.guard.Silence() > longestSilence {
			http.Error(w, "the revocation feed is silent", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}

// statusSeen remembers the status of an answer.
type statusSeen struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements [http.ResponseWriter].
func (s *statusSeen) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets streams and WebSockets through; see [http.ResponseController].
func (s *statusSeen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
