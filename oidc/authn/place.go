package authn

import "context"

// Place is what a request holds of a server that works on so many at once. It is left for
// what has a bound of its own.
type Place interface {
	Leave()
	Return()
}

type placeKey struct{}

// WithPlace keeps the place of a request.
func WithPlace(ctx context.Context, p Place) context.Context {
	return context.WithValue(ctx, placeKey{}, p)
}

// StepAside leaves the place of a request, if it has one, until back is called: it waits, and
// others can be worked on.
func StepAside(ctx context.Context) (back func()) {
	p, ok := ctx.Value(placeKey{}).(Place)
	if !ok {
		return func() {}
	}
	p.Leave()
	return p.Return
}
