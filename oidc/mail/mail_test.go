package mail_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	stdmail "net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// server is a real mail server on this machine that keeps what it is sent.
type server struct {
	addr  string
	trust *tls.Config

	mu       sync.Mutex
	received []received
	// refuse is answered to the first recipients, one each.
	refuse []*smtp.SMTPError
	// username is who must have signed in, when it is not "".
	username, password string
}

type received struct {
	from, to, body string
	encrypted      bool
	user           string
}

func (s *server) all() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.received...)
}

// listen serves on addr; "" is any port.
func listen(t *testing.T, implicit, encrypted bool, addr string) *server {
	t.Helper()
	certificate, trust := certificate(t)
	s := &server{trust: trust}
	backend := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		_, isTLS := c.TLSConnectionState()
		return &session{server: s, encrypted: isTLS}, nil
	}))
	backend.Domain, backend.AllowInsecureAuth = "mail.test", !encrypted
	backend.ErrorLog = quiet{}
	if encrypted {
		backend.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, backend.TLSConfig)
	}
	go func() { _ = backend.Serve(l) }()
	t.Cleanup(func() { _ = backend.Close() })
	return s
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type session struct {
	*server
	encrypted bool
	user      string
	r         received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if username != s.server.username || password != s.server.password {
			return smtp.ErrAuthFailed
		}
		s.user = username
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.username != "" && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.r = received{from: from, encrypted: s.encrypted, user: s.user}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.refuse) > 0 {
		refused := s.refuse[0]
		s.refuse = s.refuse[1:]
		return refused
	}
	s.r.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	body, err := io.ReadAll(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.body = string(body)
	s.received = append(s.received, s.r)
	return err
}

func (s *session) Reset()        {}
func (s *session) Logout() error { return nil }

// certificate is one for 127.0.0.1, and a configuration that believes it alone.
func certificate(t *testing.T) (tls.Certificate, *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

func issuer() *url.URL { u, _ := url.Parse("https://id.example"); return u }

var sender = stdmail.Address{Name: "Gatehouse", Address: "no-reply@id.example"}

type logged struct {
	strings.Builder
	mu sync.Mutex
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(p)
}

func logger(l *logged) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
