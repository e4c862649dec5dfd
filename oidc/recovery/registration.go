package recovery

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
)

// AskToRegister notes that somebody wants an account. The caller has made sure that the tenant
// admits the address. As with [Service.Ask], whether there is such an account is found out
// later. The error is a [*directory.InvalidError] or an [*authn.LimitError].
func (s *Service) AskToRegister(ctx context.Context, r storage.RegistrationRequest, addr netip.Addr) error {
	if err := directory.CheckEmail(r.Email); err != nil {
		return err
	}
	r.Flow = bounded(r.Flow, longestFlow)
	if err := s.Limits.TakeMailRequest(ctx, addr); err != nil {
		return fmt.Errorf("ask for an account: %w", err)
	}
	return s.Store.Enqueue(ctx, r)
}

// AnswerRegistration is the job behind [Service.AskToRegister]: a link that makes the account, or
// to whoever has one a letter that says so.
func (s *Service) AnswerRegistration(ctx context.Context, r storage.RegistrationRequest) error {
	user, err := s.Store.UserByIdentifier(ctx, r.Email)
	switch {
	case err == nil && !user.DisabledAt.IsZero():
		return nil
	case err == nil:
		return s.mail(ctx, user, storage.Link{}, storage.LetterAccountExists, r.Language)
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	var limited *authn.LimitError
	if err := s.Limits.TakeMailTo(ctx, r.Email); errors.As(err, &limited) {
		return nil
	} else if err != nil {
		return err
	}
	tenant, err := s.Store.ForTenant(r.Tenant).Tenant(ctx)
	if errors.Is(err, storage.ErrNotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	l := s.link(storage.User{}, storage.LinkRegistration, r.Email, verifyLifetime)
	l.Flow, l.Role = r.Flow, authz.RoleUser
	m := storage.Mail{Letter: storage.LetterRegister, To: r.Email, Language: r.Language, Link: l.ID, Until: l.ExpiresAt, Subject: tenant.Name}
	return s.Store.ForTenant(r.Tenant).InsertRegistration(ctx, l, m)
}

// Register spends a registration and makes the account. What it proves is that somebody reads the
// mailbox. The errors are those of [Service.Accept].
func (s *Service) Register(ctx context.Context, o Opened, n Newcomer, addr netip.Addr) (authn.Proof, error) {
	if o.Purpose != storage.LinkRegistration {
		return authn.Proof{}, authn.ErrLink
	}
	account, first, err := s.newcomer(ctx, o, n)
	if err != nil {
		return authn.Proof{}, err
	}
	user, err := s.Directory.Register(ctx, o.Link, account, first, addr)
	if err != nil {
		return authn.Proof{}, orLink(err)
	}
	return byMail(user.ID, user.CreatedAt), nil
}
