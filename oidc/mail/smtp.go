package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse/gatehouse/storage/jobs"
)

// TLS is how the connection to a mail server is protected.
type TLS string

// The ways.
const (
	// STARTTLS begins in the clear and insists on TLS before anything is said (RFC 3207).
	STARTTLS TLS = "starttls"
	// ImplicitTLS speaks TLS from the first byte (RFC 8314 §3.3).
	ImplicitTLS TLS = "implicit"
	// NoTLS is for a server on this machine.
	NoTLS TLS = "none"
)

// sendTimeout bounds a step of the conversation with the server.
const sendTimeout = 20 * time.Second

// Config is how to reach a mail server.
type Config struct {
	// Address is host:port.
	Address string
	TLS     TLS
	// Username and Password may be empty, for a server that asks for neither.
	Username, Password string
	// Trust is what the server's certificate is judged by; nil for the machine's own list.
	Trust *tls.Config
}

// SMTP hands letters to a mail server.
type SMTP struct {
	host    string
	options []gomail.Option
}

// NewSMTP judges the settings of a mail server; it is reached at the first letter.
func NewSMTP(c Config) (*SMTP, error) {
	host, portText, err := net.SplitHostPort(c.Address)
	if err != nil || host == "" {
		return nil, fmt.Errorf("smtp_address: %.100q is not of the form host:port", c.Address)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("smtp_address: %.20q is not a port", portText)
	}
	s := &SMTP{host: host, options: []gomail.Option{gomail.WithPort(int(port)), gomail.WithTimeout(sendTimeout)}}
	if c.Trust != nil {
		s.options = append(s.options, gomail.WithTLSConfig(c.Trust))
	}
	switch c.TLS {
	case STARTTLS:
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case ImplicitTLS:
		s.options = append(s.options, gomail.WithSSL())
	case NoTLS:
		if !loopback(host) {
			return nil, errors.New("smtp_tls: none is for a mail server on this machine: a password or a link would cross the network in the clear")
		}
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return nil, fmt.Errorf("smtp_tls: %.20q is not one of starttls, implicit, none", c.TLS)
	}
	if c.Username != "" {
		auth := gomail.SMTPAuthAutoDiscover
		if c.TLS == NoTLS {
			auth = gomail.SMTPAuthPlainNoEnc
		}
		s.options = append(s.options, gomail.WithUsername(c.Username), gomail.WithPassword(c.Password), gomail.WithSMTPAuth(auth))
	}
	return s, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

func (s *SMTP) carry(ctx context.Context, m *gomail.Msg) error {
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("prepare mail client: %w", err)
	}
	err = client.DialAndSendWithContext(ctx, m)
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		if err != nil {
			return fmt.Errorf("send mail: %w", err)
		}
		return nil
	}
	// The library's own words name the recipient.
	err = fmt.Errorf("send mail: %v (%d %s)", refused.Reason, refused.ErrorCode(), refused.EnhancedStatusCode())
	// RFC 5321 §4.2.1: a 5xx will be said again.
	if refused.ErrorCode() >= 500 {
		return jobs.Cancel(err)
	}
	return err
}
