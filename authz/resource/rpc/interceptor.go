package rpc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// Interceptor lets a call through to its method only with a token that opens it.
// The [resource.Principal] is then in the context, where [resource.PrincipalFrom]
// finds it.
type Interceptor struct {
	guard *resource.Guard
	needs map[string]resource.Requirement
}

// New guards methods by their full names, as in "/agents.v1.Agents/List". A method
// that is not named is refused. It panics when a requirement is the zero value.
func New(guard *resource.Guard, needs map[string]resource.Requirement) *Interceptor {
	for _, need := range needs {
		guard.Require(need) // panics now, not at the first call
	}
	return &Interceptor{guard: guard, needs: needs}
}

// Unary implements [grpc.UnaryServerInterceptor].
func (i *Interceptor) Unary(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	admitted, challenge, err := i.admit(ctx, info.FullMethod)
	if err != nil {
		_ = grpc.SetHeader(ctx, challenge) // fails when the caller is gone
		return nil, err
	}
	return handler(admitted, request)
}

// Stream implements [grpc.StreamServerInterceptor]. The token is judged when the
// stream begins; how long one may last is for the server to bound.
func (i *Interceptor) Stream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	admitted, challenge, err := i.admit(stream.Context(), info.FullMethod)
	if err != nil {
		_ = stream.SetHeader(challenge)
		return err
	}
	return handler(server, admittedStream{stream, admitted})
}

type admittedStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context implements [grpc.ServerStream].
func (s admittedStream) Context() context.Context { return s.ctx }

// admit asks the guard about the HTTP request that the call is: gRPC is POST to the
// name of the method.
func (i *Interceptor) admit(ctx context.Context, method string) (context.Context, metadata.MD, error) {
	need, named := i.needs[method]
	if !named {
		return nil, nil, status.Error(codes.PermissionDenied, "The method is not open to anybody.")
	}
	r := (&http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: method}, RequestURI: method, Header: http.Header{},
	}).WithContext(ctx)
	sent, _ := metadata.FromIncomingContext(ctx)
	for _, name := range []string{"authorization", "dpop"} {
		for _, value := range sent.Get(name) {
			r.Header.Add(name, value)
		}
	}
	if p, known := peer.FromContext(ctx); known {
		if secured, is := p.AuthInfo.(credentials.TLSInfo); is {
			r.TLS = &secured.State
		}
	}
	answer := refusal{header: http.Header{}}
	var admitted context.Context
	i.guard.Require(need)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		admitted = r.Context()
	})).ServeHTTP(&answer, r)
	challenge := metadata.MD{}
	for _, name := range []string{"Www-Authenticate", "Dpop-Nonce"} {
		if values := answer.header.Values(name); values != nil {
			challenge.Set(strings.ToLower(name), values...)
		}
	}
	if admitted == nil {
		return nil, challenge, status.Error(codeOf(answer.status), fmt.Sprintf("The call is refused: %s.", http.StatusText(answer.status)))
	}
	return admitted, nil, nil
}

// codeOf is what gRPC calls the refusals of a guard.
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	}
	return codes.Unavailable
}

// refusal keeps what a guard writes, but for the document for readers.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }
func (r *refusal) WriteHeader(status int)      { r.status = status }
