package directory

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// registrationClosed says that nobody registers, where a list cannot be empty.
const registrationClosed = "closed"

// A mail domain: labels of letters, digits and hyphens, at least two (RFC 5321 §2.3.5).
var mailDomain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$`)

// registrationOf reads who may register from "open", "closed" or mail domains.
func registrationOf(words []string) storage.Registration {
	r := storage.Registration{}
	for _, word := range words {
		if word = strings.ToLower(word); word != registrationClosed && !slices.Contains(r, word) {
			r = append(r, word)
		}
	}
	return r
}

func checkRegistration(r storage.Registration) error {
	for _, domain := range r {
		switch {
		case domain == storage.RegistrationOpen && len(r) > 1:
			return invalid("registration", "is open to everybody: name no mail domains beside it")
		case domain != storage.RegistrationOpen && (len(domain) > 253 || !mailDomain.MatchString(domain)):
			return invalid("registration", "%q is not a mail domain: say open, closed, or domains such as example.com", domain)
		}
	}
	return nil
}

// Register spends a registration and makes the account that it is for. The address, the role and
// the tenant are the link's, whatever n says; first is the passkey that they begin with, or nil. [storage.ErrNotFound]: it was
// spent before.
func (s *Service) Register(ctx context.Context, l storage.Link, n CreateUser, first *storage.FirstPasskey, addr netip.Addr) (storage.User, error) {
	return s.accept(ctx, l, n, first, "user.register", addr)
}

// accept makes the account that a link is for.
func (s *Service) accept(ctx context.Context, l storage.Link, n CreateUser, first *storage.FirstPasskey, action string, addr netip.Addr) (storage.User, error) {
	n.Email, n.Role = l.Email, l.Role
	u, err := s.newUser(n)
	if err != nil {
		return u, err
	}
	a := Actor{Name: u.Username, User: u.ID, IPAddress: addr}
	return u, nameTaken(s.store.AcceptInvitation(ctx, l, u, true, first, s.event(a, action, l.Tenant.ID)))
}
