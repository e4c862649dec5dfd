package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/exaring/otelpgx"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/gatehouse/gatehouse/cmd/internal/config"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/web"
)

// traces leads from a request to its SQL statements. A nil one traces nothing and
// costs nothing.
type traces struct {
	provider *sdktrace.TracerProvider
	trusted  []netip.Prefix
}

// newTraces is nil where no collector is named.
func newTraces(ctx context.Context, c *config.Config, log *slog.Logger) (*traces, error) {
	if c.OTLPEndpoint == "" {
		return nil, nil
	}
	base, err := url.Parse(c.OTLPEndpoint)
	if err != nil {
		return nil, fmt.Errorf("otlp_endpoint: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(base.JoinPath("v1", "traces").String()))
	if err != nil {
		return nil, fmt.Errorf("otlp_endpoint: %w", err)
	}
	// A collector that is away is told of once for every batch, and nobody waits for it.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("traces were not sent", "error", err) }))
	return &traces{trusted: c.TrustedProxies, provider: sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(float64(c.TraceSampleRatio)))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "gatehouse"), attribute.String("service.version", version()))),
	)}, nil
}

// around begins the span of a request. Only a proxy of ours may say that a request
// belongs to its trace: from anyone else that would be a way to have all traced.
func (t *traces) around(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return otelhttp.NewHandler(next, "request",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithPropagators(propagation.TraceContext{}),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool { return !t.fromProxy(r) }))
}

func (t *traces) fromProxy(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	peer, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(t.trusted, func(p netip.Prefix) bool { return p.Contains(peer.Unmap().WithZone("")) })
}

// observe names the span by the route, which is known when the request is over, and
// gives it the id by which the log knows it.
func (t *traces) observe(ctx context.Context, o web.Observation) {
	if t == nil {
		return
	}
	span := trace.SpanFromContext(ctx)
	span.SetName(o.Pattern)
	span.SetAttributes(attribute.String("http.route", o.Route), attribute.String("gatehouse.request_id", o.RequestID))
	if o.Grant != "" {
		span.SetAttributes(attribute.String("gatehouse.grant", grantLabel(o.Grant)))
	}
}

// ofStatements has each statement that a traced request sends told of, without its
// parameters.
func (t *traces) ofStatements(o *postgres.Options) {
	if t != nil {
		o.Tracer = otelpgx.NewTracer(otelpgx.WithTracerProvider(t.provider), otelpgx.WithDisableConnectionDetailsInAttributes())
	}
}

// flush sends what is left.
func (t *traces) flush(log *slog.Logger) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		log.Warn("the last traces were not sent", "error", err)
	}
}
