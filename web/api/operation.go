package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
)

// Operation is one line of the list of operations (routes.go): an address, what
// goes in, what comes out, and who may call it. The server registers it, and the
// command line calls it, by the same value.
//
// I holds the parameters, by huma's tags: path, query, header, and a field Body for
// the document. O is the document of the answer; [None] for none.
type Operation[I, O any] struct {
	Method, Path string
	// ID names the operation in the document and in generated clients.
	ID, Summary string
	// Status is the one of success.
	Status int
	// AnyOf is the scopes of which one opens the operation.
	AnyOf []authz.Scope
}

// None is no document.
type None struct{}

// Route is an operation without its types, for those who walk the list.
type Route struct {
	Method, Path, ID, Summary string
	AnyOf                     []authz.Scope
}

// Routes is every operation, as it was registered.
func (a *API) Routes() []Route { return a.list }

// answer is an answer with a document, and with the tag of what has one.
type answer[T any] struct {
	ETag string `header:"ETag"`
	Body T
}

func newAnswer[T any](document T) *answer[T] {
	a := &answer[T]{Body: document}
	if v, ok := any(document).(versioned); ok {
		a.ETag = v.tag()
	}
	return a
}

// add registers an operation: a token that opens it, then the call in the name of
// its holder, then one translation of what went wrong.
func add[I, O any](a *API, o Operation[I, O], do func(context.Context, directory.Actor, *I) (O, error)) {
	description := describe(a, o)
	call := func(ctx context.Context, in *I) (O, error) {
		out, err := run(ctx, a, o.ID, in, do)
		if err != nil {
			err = a.problem(ctx, err, strings.Contains(o.Path, "{"))
		}
		return out, err
	}
	if typeOf[O]() == typeOf[None]() {
		huma.Register(a.huma, description, func(ctx context.Context, in *I) (*struct{}, error) {
			_, err := call(ctx, in)
			return nil, err
		})
		return
	}
	huma.Register(a.huma, description, func(ctx context.Context, in *I) (*answer[O], error) {
		out, err := call(ctx, in)
		return newAnswer(out), err
	})
}

func run[I, O any](ctx context.Context, a *API, id string, in *I, do func(context.Context, directory.Actor, *I) (O, error)) (O, error) {
	actor, err := a.actor(ctx)
	if err != nil {
		var none O
		return none, err
	}
	if repeatable, ok := any(in).(interface{ onceKey() string }); ok && repeatable.onceKey() != "" {
		return doOnce(ctx, a, id, repeatable.onceKey(), in, func(ctx context.Context) (O, error) { return do(ctx, actor, in) })
	}
	return do(ctx, actor, in)
}

// describe is an operation in huma's words.
func describe[I, O any](a *API, o Operation[I, O]) huma.Operation {
	var security []map[string][]string
	for _, scope := range o.AnyOf {
		security = append(security, map[string][]string{scheme: {string(scope)}})
	}
	need, err := resource.ParseRequirement(security)
	if err != nil {
		panic(fmt.Sprintf("api: %s: %v", o.ID, err)) // the list of operations is a constant of ours
	}
	a.list = append(a.list, Route{o.Method, o.Path, o.ID, o.Summary, o.AnyOf})
	refusals := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusServiceUnavailable}
	if _, ok := any(*new(I)).(conditional); ok {
		refusals = append(refusals, http.StatusPreconditionFailed)
	}
	return huma.Operation{
		OperationID: o.ID, Method: o.Method, Path: o.Path, Summary: o.Summary, Tags: []string{tag(o.Path)}, DefaultStatus: o.Status,
		MaxBodyBytes: maxBody, Security: security, Middlewares: huma.Middlewares{a.guarded(need)},
		Errors: refusals,
	}
}

// tag is the noun of a path, under which the document files it.
func tag(path string) string {
	noun, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	noun, _, _ = strings.Cut(noun, ":")
	return noun
}

// guarded holds an operation to its scopes.
func (a *API) guarded(need resource.Requirement) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if isHost(ctx.Context()) {
			next(ctx)
			return
		}
		r, w := humago.Unwrap(ctx)
		a.guard.Require(need)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			next(huma.WithContext(ctx, r.Context()))
		})).ServeHTTP(w, r)
	}
}
