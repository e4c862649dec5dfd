package recovery

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Opened is a link that works at this moment.
type Opened struct {
	storage.Link
	// Owner is whose it is. Of an invitation it is the account that has the invited address, if
	// there is one.
	Owner postgres.LinkOwner
	// Language is that of the page on which the link is spent, for the letters that tell
	// of it: a tag (BCP 47), or "" for the usual one.
	Language string
}

// Open reads the token of a link and spends nothing. The error is [authn.ErrLink] when
// it does not work, or not any more.
func (s *Service) Open(ctx context.Context, token string) (Opened, error) {
	id, err := s.Links.Open(token)
	if err != nil {
		return Opened{}, err
	}
	l, owner, err := s.Store.Link(ctx, id, s.Now())
	if err != nil {
		return Opened{}, orLink(err)
	}
	o := Opened{Link: l, Owner: owner}
	if !o.stands() {
		return Opened{}, authn.ErrLink
	}
	return o, nil
}

// stands reports whether what the link was made for is still so.
func (o Opened) stands() bool {
	if o.Owner.Known && !o.Owner.DisabledAt.IsZero() {
		return false
	}
	switch o.Purpose {
	case storage.LinkInvitation:
		return o.Tenant.Slug != "" // not suspended since
	case storage.LinkRegistration:
		return !o.Owner.Known && o.Tenant.Slug != "" && o.Tenant.Registration.Admits(o.Email)
	case storage.LinkChangeEmail, storage.LinkUndoEmail:
		return o.Owner.Known
	}
	// It went to an address that was the account's, and counts while it is.
	return o.Owner.Known && storage.FoldIdentifier(o.Owner.Email) == storage.FoldIdentifier(o.Email)
}

// orLink: whoever finds no row comes second, or too late.
func orLink(err error) error {
	if errors.Is(err, storage.ErrNotFound) {
		return authn.ErrLink
	}
	return err
}

func (s *Service) event(o Opened, action string, addr netip.Addr) storage.AuditEvent {
	now := s.Now()
	return storage.AuditEvent{
		ID: authz.NewID[authz.AuditID](now), At: now, Actor: o.Owner.Username, ActorID: o.Owner.ID, Action: action, IPAddress: addr, Language: o.Language,
	}
}

// ChoosePassword spends a link to choose a password, and ends everything of its owner: a sign-in
// follows, with a second factor where there is one. The error is an
// [*authn.WeakPasswordError] when the password cannot be had; the link works on then.
func (s *Service) ChoosePassword(ctx context.Context, o Opened, password authn.Password, addr netip.Addr) error {
	if o.Purpose != storage.LinkResetPassword && o.Purpose != storage.LinkSetUp {
		return authn.ErrLink
	}
	hash, err := s.hash(ctx, password, o.Owner.Username, o.Owner.Email, o.Owner.DisplayName)
	if err != nil {
		return err
	}
	return orLink(s.Store.ForUser(o.User).ResetPassword(ctx, o.Link, hash, s.Now().Add(directory.LedgerLifetime), s.event(o, "user.password.reset", addr)))
}

// AskPasskey asks the browser in which a link was opened for the passkey that its account begins with. It is nil
// where there can be none: the link is for something else, or what guards the account already would be passed by.
func (s *Service) AskPasskey(ctx context.Context, o Opened, browser string) (*authn.Ceremony, error) {
	if s.Passkeys == nil || o.Purpose != storage.LinkSetUp && o.Purpose != storage.LinkRegistration && (o.Purpose != storage.LinkInvitation || o.Owner.Known) {
		return nil, nil
	}
	if o.Purpose == storage.LinkSetUp {
		have, err := s.Store.ForUser(o.User).Authenticators(ctx)
		if err != nil || have.Strong() {
			return nil, err
		}
	}
	c, err := s.Passkeys.BeginFirst(ctx, o.Link, o.Owner.User, browser)
	return &c, err
}

// SetUpPasskey spends a link to begin with a passkey, and ends everything of its owner: a sign-in follows. The errors of
// [authn.Passkeys.MakeFirst] leave the link as it is.
func (s *Service) SetUpPasskey(ctx context.Context, o Opened, a authn.Answer, addr netip.Addr) error {
	if s.Passkeys == nil || o.Purpose != storage.LinkSetUp {
		return authn.ErrLink
	}
	made, err := s.Passkeys.MakeFirst(ctx, o.Link, o.Owner.User, a)
	if err != nil {
		return err
	}
	err = s.Store.ForUser(o.User).SetUpPasskey(ctx, o.Link, made.Passkey, s.Now().Add(directory.LedgerLifetime), s.event(o, "user.passkey.add", addr))
	return orLink(orExists(err))
}

// orExists: the index on the ids of credentials has decided (WebAuthn L3 §7.1 step 26).
func orExists(err error) error {
	if errors.Is(err, storage.ErrConflict) {
		return authn.ErrPasskeyExists
	}
	return err
}

func (s *Service) hash(ctx context.Context, password authn.Password, about ...string) (string, error) {
	if err := authn.CheckNewPassword(password, about...); err != nil {
		return "", err
	}
	return s.Hasher.Hash(ctx, password)
}

// SignIn spends a link to sign in with.
func (s *Service) SignIn(ctx context.Context, o Opened, addr netip.Addr) (authn.Proof, error) {
	if o.Purpose != storage.LinkSignIn {
		return authn.Proof{}, authn.ErrLink
	}
	user := s.Store.ForUser(o.User)
	have, err := user.Authenticators(ctx)
	if err != nil {
		return authn.Proof{}, err
	}
	if have.TOTP != nil {
		return authn.Proof{}, authn.ErrLink // set up since the link was sent
	}
	e := s.event(o, "user.sign_in.link", addr)
	if err := user.SignInByLink(ctx, o.Link, e); err != nil {
		return authn.Proof{}, orLink(err)
	}
	return byMail(o.User, e.At), nil
}

// byMail is what is proven by who reads a mailbox: one factor. RFC 8176 has no name for it.
func byMail(user authz.UserID, at time.Time) authn.Proof {
	return authn.Proof{User: user, ACR: authz.ACRSingleFactor, AMR: []string{"email"}, AuthTime: at}
}

// VerifyEmail spends a link that proves an address.
func (s *Service) VerifyEmail(ctx context.Context, o Opened, addr netip.Addr) error {
	if o.Purpose != storage.LinkVerifyEmail {
		return authn.ErrLink
	}
	return orLink(s.Store.ForUser(o.User).VerifyEmail(ctx, o.Link, s.event(o, "user.email.verify", addr)))
}

// ChangeEmail spends the link that a new address was sent. The error is
// [storage.ErrConflict] when the address belongs to another account by now.
func (s *Service) ChangeEmail(ctx context.Context, o Opened, addr netip.Addr) error {
	if o.Purpose != storage.LinkChangeEmail {
		return authn.ErrLink
	}
	undo := s.link(o.Owner.User, storage.LinkUndoEmail, o.Owner.Email, undoLifetime)
	e := s.event(o, "user.email.change", addr)
	told := storage.Mail{Letter: storage.LetterEmailChanged, Language: o.Owner.LanguageAt(o.Language), Link: undo.ID, Until: undo.ExpiresAt, At: e.At, Address: addr, Subject: o.Email}
	return orLink(s.Store.ForUser(o.User).ChangeEmail(ctx, o.Link, undo, told, e))
}

// UndoEmail spends the link by which the former address takes a change back, and ends
// everything of its owner.
func (s *Service) UndoEmail(ctx context.Context, o Opened, addr netip.Addr) error {
	if o.Purpose != storage.LinkUndoEmail {
		return authn.ErrLink
	}
	return orLink(s.Store.ForUser(o.User).UndoEmail(ctx, o.Link, s.Now().Add(directory.LedgerLifetime), s.event(o, "user.email.undo", addr)))
}

// Newcomer is who accepts an invitation or registers without having an account.
type Newcomer struct {
	Username, DisplayName string
	// Password is what they begin with, unless it is the answer of a browser that was asked for a passkey.
	Password authn.Password
	Passkey  *authn.Answer
}

// Accept spends an invitation and makes the account. The error is an
// [*authn.WeakPasswordError], a [*directory.InvalidError] or one of [authn.Passkeys.MakeFirst] when something of
// it cannot be had; the invitation works on then.
func (s *Service) Accept(ctx context.Context, o Opened, n Newcomer, addr netip.Addr) error {
	if o.Purpose != storage.LinkInvitation || o.Owner.Known {
		return authn.ErrLink
	}
	account, first, err := s.newcomer(ctx, o, n)
	if err != nil {
		return err
	}
	_, err = s.Directory.AcceptInvitation(ctx, o.Link, account, first, addr)
	return orLink(err)
}

// newcomer is the account to be made, and the passkey that it begins with, or nil.
func (s *Service) newcomer(ctx context.Context, o Opened, n Newcomer) (directory.CreateUser, *storage.FirstPasskey, error) {
	user := directory.CreateUser{Username: n.Username, DisplayName: n.DisplayName, LastLanguage: o.Language}
	if n.Passkey != nil && s.Passkeys != nil {
		first, err := s.Passkeys.MakeFirst(ctx, o.Link, o.Owner.User, *n.Passkey)
		return user, &first, err
	}
	var err error
	user.PasswordHash, err = s.hash(ctx, n.Password, n.Username, o.Email, n.DisplayName, o.Tenant.Name)
	return user, nil, err
}

// Join spends an invitation for the account that has the invited address, which must be the
// one that is signed in.
func (s *Service) Join(ctx context.Context, o Opened, user authz.UserID, addr netip.Addr) error {
	if o.Purpose != storage.LinkInvitation || !o.Owner.Known || o.Owner.ID != user {
		return authn.ErrLink
	}
	return orLink(s.Directory.JoinByInvitation(ctx, o.Link, o.Owner.User, addr))
}
