package main

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/gatehouse/gatehouse/oidc"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
)

// metrics counts what requests come to, and reads the rest when it is asked. No
// label takes a value that a user, a client or a caller chose.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	tokens   *prometheus.CounterVec
	signIns  *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gatehouse_http_request_duration_seconds", Help: "How long requests took, by route and class of status.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route", "status"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_token_requests_total", Help: "Requests at the token endpoint, by grant type and status.",
		}, []string{"grant", "status"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gatehouse_sign_ins_total", Help: "Attempts to sign in, by method and outcome: success, refused, limited or error.",
		}, []string{"method", "outcome"}),
	}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), m.requests, m.tokens, m.signIns)
	for _, method := range signInRoutes {
		for _, outcome := range []string{"success", "refused", "limited", "error"} {
			m.signIns.WithLabelValues(method, outcome) // so that a rate begins at zero
		}
	}
	return m
}

// signInRoutes is where somebody shows who they are, and how. A second factor counts
// by itself.
var signInRoutes = map[string]string{
	oidc.SignInPath:              "password",
	oidc.SignInPath + "/passkey": "passkey",
	oidc.StepUpPath:              "second_factor",
	oidc.StepUpPath + "/passkey": "second_factor_passkey",
	oidc.DevicePath:              "device_code",
	"/login/link":                "mailed_link",
}

func (m *metrics) observe(o web.Observation) {
	m.requests.WithLabelValues(o.Route, strconv.Itoa(o.Status/100)+"xx").Observe(o.Took.Seconds())
	if o.Grant != "" {
		m.tokens.WithLabelValues(grantLabel(o.Grant), strconv.Itoa(o.Status)).Inc()
	}
	if method, is := signInRoutes[o.Route]; is && o.Posted {
		m.signIns.WithLabelValues(method, outcome(o.Status)).Inc()
	}
}

// grantLabel is the last word of a grant type that is written as a URN.
func grantLabel(grant string) string { return grant[strings.LastIndexByte(grant, ':')+1:] }

func outcome(status int) string {
	switch {
	case status < 400:
		return "success"
	case status == 429:
		return "limited"
	case status < 500:
		return "refused"
	}
	return "error"
}

// watch adds what is read from the house when somebody asks for the metrics.
func (m *metrics) watch(server *web.Server, store *postgres.Store, log *slog.Logger) {
	m.registry.MustRegister(&standing{server, store, log})
}

var (
	ledgerEntries = prometheus.NewDesc("gatehouse_ledger_entries", "Dead ids that this replica holds in memory.", nil, nil)
	feedAge       = prometheus.NewDesc("gatehouse_feed_age_seconds", "How long ago this replica last read what changed. Above 2 nothing in memory is trusted.", nil, nil)
	clockSkew     = prometheus.NewDesc("gatehouse_clock_skew_seconds", "How far the database's clock is ahead of this machine's. Above 1, or below -1, the database's is used.", nil, nil)
	connections   = prometheus.NewDesc("gatehouse_database_connections", "Connections of this replica's pool, by state.", []string{"state"}, nil)
	mostConns     = prometheus.NewDesc("gatehouse_database_connections_max", "How many connections the pool may have.", nil, nil)
	waits         = prometheus.NewDesc("gatehouse_database_waits_total", "Requests that found no idle connection.", nil, nil)
	waited        = prometheus.NewDesc("gatehouse_database_wait_seconds_total", "How long requests waited for a connection.", nil, nil)
	jobCount      = prometheus.NewDesc("gatehouse_jobs", "Jobs of all replicas, by state.", []string{"state"}, nil)
	turnedAway    = prometheus.NewDesc("gatehouse_http_requests_refused_total", "Requests that were answered 503 at once because there were too many.", nil, nil)
	databaseUp    = prometheus.NewDesc("gatehouse_database_up", "1 when the database answered just now.", nil, nil)
)

// standing is what is true at the moment of asking.
type standing struct {
	server *web.Server
	store  *postgres.Store
	log    *slog.Logger
}

// Describe implements [prometheus.Collector].
func (s *standing) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{ledgerEntries, feedAge, clockSkew, connections, mostConns, waits, waited, turnedAway, jobCount, databaseUp} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (s *standing) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	f := s.store.Figures()
	gauge(ledgerEntries, float64(s.server.LedgerEntries()))
	gauge(feedAge, f.FeedAge.Seconds())
	gauge(clockSkew, f.Skew.Seconds())
	gauge(connections, float64(f.InUse), "in_use")
	gauge(connections, float64(f.Idle), "idle")
	gauge(mostConns, float64(f.Most))
	to <- prometheus.MustNewConstMetric(waits, prometheus.CounterValue, float64(f.Waits))
	to <- prometheus.MustNewConstMetric(waited, prometheus.CounterValue, f.Waited.Seconds())
	to <- prometheus.MustNewConstMetric(turnedAway, prometheus.CounterValue, float64(s.server.Refused()))

	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	jobs, err := s.store.JobCounts(ctx)
	if err != nil {
		s.log.Warn("jobs were not counted", "error", err)
		gauge(databaseUp, 0)
		return
	}
	gauge(databaseUp, 1)
	for _, state := range []string{"available", "scheduled", "running", "retryable", "completed", "cancelled", "discarded"} {
		gauge(jobCount, float64(jobs[state]), state)
	}
}
