package authn

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"

	"github.com/gatehouse/gatehouse/storage"
)

// BeginFirst asks the browser in which a one-time link was opened to make the passkey that an account
// begins with: user's, or that of nobody yet (the zero User) where the link is an invitation.
func (p *Passkeys) BeginFirst(ctx context.Context, l storage.Link, user storage.User, browser string) (Ceremony, error) {
	policies, err := p.firstPolicies(ctx, l, user)
	if err != nil {
		return Ceremony{}, err
	}
	who := account{user: user, handle: p.handleOf(l)}
	if user.ID.IsZero() {
		who.user.Username = l.Email // how the authenticator lists it: no other name is known yet
	} else if who.handle, err = p.Store.ForUser(user.ID).WebAuthnHandle(ctx, newHandle()); err != nil {
		return Ceremony{}, err
	}
	return p.beginRegistration(who, policies, browser, waiting{User: user.ID, Link: l.ID}, false)
}

// MakeFirst judges the answer, and yields the passkey for the transaction that spends the link. The error is
// [ErrExpired], [ErrPasskey], [ErrPasskeyModel], or a fault of the machinery.
func (p *Passkeys) MakeFirst(ctx context.Context, l storage.Link, user storage.User, a Answer) (storage.FirstPasskey, error) {
	w, err := asked[waiting](p.questions, a.Browser, a.State, p.Now())
	if err != nil || !w.Register || w.User != user.ID || w.Link.IsZero() || w.Link != l.ID {
		return storage.FirstPasskey{}, ErrExpired
	}
	policies, err := p.firstPolicies(ctx, l, user)
	if err != nil {
		return storage.FirstPasskey{}, err
	}
	made, err := p.verifyNew(user, policies, w, a.Response)
	if err != nil {
		return storage.FirstPasskey{}, err
	}
	made.Name = passkeyName("", made, nil)
	return storage.FirstPasskey{Passkey: made, Handle: w.Session.UserID}, p.spend(ctx, w)
}

// firstPolicies are of the tenant that an invitation leads to, or of those that the user is in.
func (p *Passkeys) firstPolicies(ctx context.Context, l storage.Link, user storage.User) ([][][16]byte, error) {
	if user.ID.IsZero() {
		return p.Store.ForTenant(l.Tenant.ID).AttestationPolicies(ctx)
	}
	return p.Store.ForUser(user.ID).AttestationPolicies(ctx)
}

// handleOf is the user handle of the account that an invitation will make. It is the same at every
// try, so that the passkey of a second one takes the place of the first's, which would open nothing.
func (p *Passkeys) handleOf(l storage.Link) []byte {
	mac := hmac.New(sha512.New, p.handles)
	mac.Write(l.ID[:])
	return mac.Sum(nil)
}
