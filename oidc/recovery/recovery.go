package recovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// How long a link lasts; those that operators make are directory's.
const (
	signInLifetime = 10 * time.Minute
	resetLifetime  = 15 * time.Minute
	verifyLifetime = 30 * time.Minute
	undoLifetime   = 3 * 24 * time.Hour
)

// Service makes links on request, and spends them. It may be used from many goroutines.
type Service struct {
	Store     *postgres.Store
	Directory *directory.Service
	Links     *authn.Links
	Limits    *authn.Limits
	Hasher    *authn.Hasher
	// Passkeys is nil where there are none.
	Passkeys *authn.Passkeys
	Now      func() time.Time
}

// Ask notes that somebody cannot sign in. It takes the same time and gives the same
// answer whether there is such an account or not: that is found out later, by
// [Service.Answer]. The error is an [*authn.LimitError] when too many mails were asked for from
// one address.
func (s *Service) Ask(ctx context.Context, r storage.RecoveryRequest, addr netip.Addr) error {
	r.Identifier, r.Flow = bounded(r.Identifier, longestIdentifier), bounded(r.Flow, longestFlow)
	if r.Purpose != storage.LinkSignIn {
		r.Purpose = storage.LinkResetPassword
	}
	if err := s.Limits.TakeMailRequest(ctx, addr); err != nil {
		return fmt.Errorf("ask for a link: %w", err)
	}
	return s.Store.Enqueue(ctx, r)
}

const (
	longestIdentifier = 254     // an e-mail address (RFC 5321 §4.5.3.1.3)
	longestFlow       = 8 << 10 // what a browser takes in an address
)

// bounded is a text that can be stored, or "": what is longer names nothing.
func bounded(text string, most int) string {
	if len(text) > most {
		return ""
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

// Answer is the job behind [Service.Ask]: a link for the account that was meant, to
// the address on record and to no other.
func (s *Service) Answer(ctx context.Context, r storage.RecoveryRequest) error {
	user, err := s.Store.UserByIdentifier(ctx, r.Identifier)
	if errors.Is(err, storage.ErrNotFound) || err == nil && !user.DisabledAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	if r.Purpose == storage.LinkResetPassword {
		return s.mail(ctx, user, s.link(user, r.Purpose, user.Email, resetLifetime), storage.LetterResetPassword, r.Language)
	}
	have, err := s.Store.ForUser(user.ID).Authenticators(ctx)
	if err != nil {
		return err
	}
	if have.TOTP != nil {
		return s.mail(ctx, user, storage.Link{}, storage.LetterSecondFactor, r.Language)
	}
	l := s.link(user, storage.LinkSignIn, user.Email, signInLifetime)
	l.Flow = r.Flow
	return s.mail(ctx, user, l, storage.LetterSignIn, r.Language)
}

// AskToVerify mails a user a link that proves their address. The error is an
// [*authn.LimitError] when too many were sent.
func (s *Service) AskToVerify(ctx context.Context, user storage.User, language string) error {
	if err := s.Limits.TakeMail(ctx, user.ID); err != nil {
		return err
	}
	return s.send(ctx, user, s.link(user, storage.LinkVerifyEmail, user.Email, verifyLifetime), storage.LetterVerifyEmail, user.LanguageAt(language))
}

// ErrChangedLately says that the address was changed so lately that its former one may still take that
// back: until then it stays.
var ErrChangedLately = errors.New("the last change of address can still be taken back")

// AskToChangeEmail mails a link to the address that a user wants to have, and a notice
// to the one they have, which stays until the link is spent. The caller has made sure that
// the user has just proven who they are. The error is a [*directory.InvalidError] or an
// [*authn.LimitError], or [ErrChangedLately]; that the address is somebody else's is not told.
func (s *Service) AskToChangeEmail(ctx context.Context, user storage.User, email, language string, addr netip.Addr) error {
	if err := directory.CheckEmail(email); err != nil {
		return err
	}
	if undoable, err := s.Store.ForUser(user.ID).EmailUndoable(ctx, s.Now()); err != nil {
		return err
	} else if undoable {
		return ErrChangedLately
	}
	if err := s.Limits.TakeMail(ctx, user.ID); err != nil {
		return err
	}
	l := s.link(user, storage.LinkChangeEmail, email, verifyLifetime)
	language = user.LanguageAt(language)
	confirm := storage.Mail{Letter: storage.LetterConfirmEmail, To: email, Name: user.Name(), Language: language, Link: l.ID, Until: l.ExpiresAt}
	tell := storage.Mail{
		Letter: storage.LetterEmailChangeAsked, To: user.Email, Name: user.Name(), Language: language, At: l.CreatedAt, Address: addr, Subject: email,
	}
	return s.Store.ForUser(user.ID).InsertLink(ctx, l, confirm, tell)
}

func (s *Service) link(user storage.User, purpose storage.LinkPurpose, email string, lifetime time.Duration) storage.Link {
	now := s.Now()
	return storage.Link{
		ID: authz.RandomID[authz.LinkID](), Purpose: purpose, User: user.ID, Email: email, CreatedAt: now, ExpiresAt: now.Add(lifetime),
	}
}

// mail sends what was asked for by somebody who did not prove to be the user: beyond a few an hour,
// nothing, and in the language of the user before that of the page.
func (s *Service) mail(ctx context.Context, user storage.User, l storage.Link, letter storage.Letter, language string) error {
	var limited *authn.LimitError
	if err := s.Limits.TakeMail(ctx, user.ID); errors.As(err, &limited) {
		return nil
	} else if err != nil {
		return err
	}
	return s.send(ctx, user, l, letter, cmp.Or(user.Locale(), language))
}

// send makes a link, where there is one, and the letter in one transaction.
func (s *Service) send(ctx context.Context, user storage.User, l storage.Link, letter storage.Letter, language string) error {
	m := storage.Mail{Letter: letter, To: user.Email, Name: user.Name(), Language: language, Link: l.ID, Until: l.ExpiresAt}
	if l.ID.IsZero() {
		return s.Store.Enqueue(ctx, m)
	}
	return s.Store.ForUser(user.ID).InsertLink(ctx, l, m)
}
