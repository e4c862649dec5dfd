package rpc

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	health_v1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// book is an authenticator that knows some tokens by heart.
type book map[string]authz.ScopeSet

func (b book) Authenticate(_ context.Context, token string) (*resource.Principal, error) {
	scopes, known := b[token]
	switch {
	case token == "dark":
		return nil, resource.ErrUnavailable
	case !known:
		return nil, resource.ErrInvalidToken
	}
	return &resource.Principal{Subject: token, ClientID: "web", Scopes: scopes, ExpiresAt: time.Now().Add(time.Minute)}, nil
}

const (
	check = "/grpc.health.v1.Health/Check"
	watch = "/grpc.health.v1.Health/Watch"
)

// told keeps who the methods were called by.
type told struct {
	*health.Server
	last chan *resource.Principal
}

func (t told) Check(ctx context.Context, r *health_v1.HealthCheckRequest) (*health_v1.HealthCheckResponse, error) {
	t.last <- resource.PrincipalFrom(ctx)
	return t.Server.Check(ctx, r)
}

func (t told) Watch(r *health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[health_v1.HealthCheckResponse]) error {
	t.last <- resource.PrincipalFrom(s.Context())
	return s.Send(&health_v1.HealthCheckResponse{})
}

func serve(t *testing.T) (health_v1.HealthClient, told) {
	t.Helper()
	need := func(scope string) resource.Requirement {
		r, err := resource.ParseRequirement([]map[string][]string{{"oauth2": {scope}}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	guard := resource.NewGuard(book{"reader": {"read"}, "writer": {"read", "write"}, "other": {}}, resource.GuardConfig{Realm: "agents"})
	i := New(guard, map[string]resource.Requirement{check: need("read"), watch: need("write")})
	server := grpc.NewServer(grpc.UnaryInterceptor(i.Unary), grpc.StreamInterceptor(i.Stream))
	methods := told{health.NewServer(), make(chan *resource.Principal, 1)}
	health_v1.RegisterHealthServer(server, methods)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	connection, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return health_v1.NewHealthClient(connection), methods
}

func TestInterceptor(t *testing.T) {
	client, methods := serve(t)
	for name, c := range map[string]struct {
		authorization []string
		unary, stream codes.Code
		challenge     string
	}{
		"no token":          {nil, codes.Unauthenticated, codes.Unauthenticated, `Bearer realm="agents", scope=`},
		"one not known":     {[]string{"Bearer nonsense"}, codes.Unauthenticated, codes.Unauthenticated, `error="invalid_token"`},
		"another scheme":    {[]string{"Basic cmVhZGVyOg=="}, codes.Unauthenticated, codes.Unauthenticated, `Bearer realm="agents"`},
		"twice":             {[]string{"Bearer writer", "Bearer writer"}, codes.InvalidArgument, codes.InvalidArgument, `error="invalid_request"`},
		"without the scope": {[]string{"Bearer other"}, codes.PermissionDenied, codes.PermissionDenied, `error="insufficient_scope"`},
		"one of two scopes": {[]string{"Bearer reader"}, codes.OK, codes.PermissionDenied, `scope="write"`},
		"both scopes":       {[]string{"Bearer writer"}, codes.OK, codes.OK, ""},
		"nobody can know":   {[]string{"Bearer dark"}, codes.Unavailable, codes.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			// What names a principal from outside is no principal.
			ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"authorization": c.authorization, "x-gatehouse-subject": {"root"}})
			judge := func(what string, err error, header metadata.MD, want codes.Code) {
				t.Helper()
				if status.Code(err) != want {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
				if want != codes.OK {
					if got := strings.Join(header.Get("www-authenticate"), "\n"); !strings.Contains(got, c.challenge) {
						t.Errorf("%s: challenge %q, want %q in it", what, got, c.challenge)
					}
					if len(methods.last) > 0 {
						t.Errorf("%s: the method was reached", what)
					}
					return
				}
				if p := <-methods.last; p == nil || "Bearer "+p.Subject != c.authorization[0] {
					t.Errorf("%s: called by %+v", what, p)
				}
			}
			var header metadata.MD
			_, err := client.Check(ctx, &health_v1.HealthCheckRequest{}, grpc.Header(&header))
			judge("unary", err, header, c.unary)
			stream, err := client.Watch(ctx, &health_v1.HealthCheckRequest{})
			if err != nil {
				t.Fatal(err)
			}
			_, err = stream.Recv()
			header, _ = stream.Header()
			judge("stream", err, header, c.stream)
		})
	}
}

func TestInterceptor_RefusesWhatIsNotNamed(t *testing.T) {
	client, methods := serve(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer writer")
	if _, err := client.List(ctx, &health_v1.HealthListRequest{}); status.Code(err) != codes.PermissionDenied || len(methods.last) > 0 {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a requirement that says nothing is taken")
		}
	}()
	New(resource.NewGuard(book{}, resource.GuardConfig{}), map[string]resource.Requirement{check: {}})
}
