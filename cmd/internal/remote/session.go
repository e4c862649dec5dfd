package remote

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// WhoAmI asks the server whose the kept credentials are, and renews them first
// when they ran out. Its error is [ErrNotSignedIn] when there are none and an
// [ErrRefused] when they are worth nothing any more.
func (f File) WhoAmI(ctx context.Context, now func() time.Time) (Credentials, Person, error) {
	c, err := f.Load()
	if err != nil {
		return c, Person{}, err
	}
	s, err := Discover(ctx, c.Issuer, now)
	if err != nil {
		return c, Person{}, err
	}
	if c.Fresh(now()) {
		person, err := s.WhoAmI(ctx, c)
		if err == nil || !errors.Is(err, ErrRefused) {
			return c, person, err
		}
		// The clocks may differ: the refresh token decides.
	}
	if c, err = f.renew(ctx, s, c); err != nil {
		return c, Person{}, err
	}
	person, err := s.WhoAmI(ctx, c)
	return c, person, err
}

// SignOut gives the kept credentials back and forgets them. They stay when the
// server could not be told, for they are still worth something.
func (f File) SignOut(ctx context.Context, now func() time.Time) (Credentials, error) {
	c, err := f.Load()
	if err != nil {
		return c, err
	}
	if err := c.GiveBack(ctx, now); err != nil {
		return c, fmt.Errorf("%w (to forget them all the same, remove %s)", err, f.Path)
	}
	return c, f.Remove()
}

// GiveBack ends the sign-in on the server.
func (c Credentials) GiveBack(ctx context.Context, now func() time.Time) error {
	s, err := Discover(ctx, c.Issuer, now)
	if err != nil {
		return err
	}
	return s.Revoke(ctx, c)
}
