package mail_test

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	stdmail "net/mail"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/riverqueue/river/rivertype"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/oidc/mail"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func newLinks(t *testing.T) *authn.Links {
	t.Helper()
	links, err := authn.NewLinks(issuer().String(), []byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return links
}

func newPost(t *testing.T, carrier mail.Carrier, log *logged) *mail.Post {
	t.Helper()
	return &mail.Post{Issuer: issuer(), Links: newLinks(t), From: sender, Carrier: carrier, Log: logger(log), Now: time.Now}
}

func over(t *testing.T, s *server, c mail.Config) *mail.SMTP {
	t.Helper()
	c.Address, c.Trust = s.addr, s.trust
	carrier, err := mail.NewSMTP(c)
	if err != nil {
		t.Fatal(err)
	}
	return carrier
}

func resetLetter() storage.Mail {
	return storage.Mail{Letter: storage.LetterResetPassword, To: "ann@example.com", Name: "Ann", Link: authz.LinkID{7}, Until: time.Now().Add(time.Minute)}
}

// parts reads a message as a mail program does.
func parts(t *testing.T, raw string) (stdmail.Header, map[string]string) {
	t.Helper()
	m, err := stdmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m.Header, all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		all[kind] = string(body)
	}
}

// A letter arrives over each kind of connection, in both forms, with its link.
func TestSMTP(t *testing.T) {
	for _, c := range []struct {
		name                string
		implicit, encrypted bool
		config              mail.Config
	}{
		{"starttls", false, true, mail.Config{TLS: mail.STARTTLS, Username: "gate", Password: "open sesame"}},
		{"implicit TLS", true, true, mail.Config{TLS: mail.ImplicitTLS, Username: "gate", Password: "open sesame"}},
		{"on this machine", false, false, mail.Config{TLS: mail.NoTLS, Username: "gate", Password: "open sesame"}},
		{"without a password", false, true, mail.Config{TLS: mail.STARTTLS}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, log := listen(t, c.implicit, c.encrypted, ""), &logged{}
			s.username, s.password = c.config.Username, c.config.Password
			post, letter := newPost(t, over(t, s, c.config), log), resetLetter()
			if err := post.Deliver(within(t), letter); err != nil {
				t.Fatal(err)
			}
			got := s.all()
			if len(got) != 1 || got[0].to != "ann@example.com" || got[0].from != sender.Address || got[0].encrypted != c.encrypted || got[0].user != c.config.Username {
				t.Fatalf("received %+v", got)
			}
			head, forms := parts(t, got[0].body)
			link := newLinks(t).URL(letter.Link)
			if head.Get("To") != "<ann@example.com>" || head.Get("Subject") != "Choose a new password" || head.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("header %v", head)
			}
			if !strings.Contains(forms["text/plain"], link) || !strings.Contains(forms["text/html"], `href="`+link+`"`) {
				t.Errorf("%q is missing from %v", link, forms)
			}
			for _, secret := range []string{"gth_ol_", "open sesame", "ann@example.com"} {
				if strings.Contains(log.String(), secret) {
					t.Errorf("%q stands in the log: %s", secret, log)
				}
			}
		})
	}
}

// Nothing is said to a server that does not prove who it is, or offers no TLS.
func TestSMTP_InsistsOnTLS(t *testing.T) {
	stranger, plain := listen(t, false, true, ""), listen(t, false, false, "")
	stranger.trust = nil
	for name, s := range map[string]*server{"unknown certificate": stranger, "no TLS": plain} {
		if err := newPost(t, over(t, s, mail.Config{TLS: mail.STARTTLS}), &logged{}).Deliver(within(t), resetLetter()); err == nil || len(s.all()) != 0 {
			t.Errorf("%s: %v, %d received", name, err, len(s.all()))
		}
	}
}

func TestNewSMTP_Refusals(t *testing.T) {
	for _, c := range []mail.Config{
		{Address: "mail.example.com:25", TLS: mail.NoTLS},
		{Address: "mail.example.com", TLS: mail.STARTTLS},
		{Address: "mail.example.com:smtp", TLS: mail.STARTTLS},
		{Address: ":25", TLS: mail.STARTTLS},
		{Address: "mail.example.com:25", TLS: "sometimes"},
	} {
		if _, err := mail.NewSMTP(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// K6: what others chose to be called, or gave as an address, adds no header, no recipient and no markup.
func TestK6_NoHeaderInjection(t *testing.T) {
	s := listen(t, false, true, "")
	post := newPost(t, over(t, s, mail.Config{TLS: mail.STARTTLS}), &logged{})
	for _, hostile := range []string{"x\r\nBcc: all@example.com\r\n\r\nhello", "x\nSubject: y", "</p><a href=//evil.example>click</a>", "=?utf-8?q?=0ABcc:_all=40example.com?="} {
		letter := storage.Mail{
			Letter: storage.LetterInvitation, To: "ann@example.com", Name: hostile, Subject: hostile, Device: hostile, Link: authz.LinkID{7},
			Until: time.Now().Add(time.Minute), Address: netip.MustParseAddr("203.0.113.7"),
		}
		if err := post.Deliver(within(t), letter); err != nil {
			t.Fatal(err)
		}
		got := s.all()
		head, forms := parts(t, got[len(got)-1].body)
		if head.Get("Bcc") != "" || len(head["Subject"]) != 1 || len(head["To"]) != 1 || strings.Contains(forms["text/html"], "evil.example>") {
			t.Errorf("%q: header %v, %s", hostile, head, forms["text/html"])
		}
		if decoded, _ := new(mime.WordDecoder).DecodeHeader(head.Get("Subject")); strings.ContainsAny(decoded, "\r\n") {
			t.Errorf("%q: subject %q", hostile, decoded)
		}
	}
	before := len(s.all())
	for _, to := range []string{"ann@example.com\r\nBcc: all@example.com", "ann@example.com, all@example.com", "", "<ann@example.com> all@example.com"} {
		letter := resetLetter()
		letter.To = to
		if err := post.Deliver(within(t), letter); err == nil && s.all()[len(s.all())-1].to != "ann@example.com" {
			t.Errorf("to %q: sent", to)
		}
	}
	for _, r := range s.all()[before:] {
		if strings.Contains(r.to+r.body, "all@example.com") {
			t.Errorf("sent to %q: %s", r.to, r.body)
		}
	}
}

// A letter waits for a server that is down, and goes out once.
func TestDeliver_TriesAgain(t *testing.T) {
	t.Parallel()
	s := listen(t, false, true, "")
	store, log := storagetest.New(t), &logged{}
	first := true
	nobody, err := mail.NewSMTP(mail.Config{Address: "127.0.0.1:1", TLS: mail.STARTTLS})
	if err != nil {
		t.Fatal(err)
	}
	up, down := newPost(t, over(t, s, mail.Config{TLS: mail.STARTTLS}), log), newPost(t, nobody, log)
	ran := make(chan error, 10)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- jobs.Run(ctx, store, logger(log), jobs.On(func(ctx context.Context, m storage.Mail) error {
			post := up
			if first {
				first, post = false, down
			}
			err := post.Deliver(ctx, m)
			ran <- err
			return err
		}))
	}()
	if err := store.Enqueue(t.Context(), resetLetter()); err != nil {
		t.Fatal(err)
	}
	for attempt, fails := range []bool{true, false} {
		select {
		case err := <-ran:
			if (err != nil) != fails {
				t.Errorf("attempt %d: %v", attempt, err)
			}
		case <-time.After(40 * time.Second):
			t.Fatalf("no attempt %d", attempt)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if got := s.all(); len(got) != 1 {
		t.Errorf("received %d times", len(got))
	}
	if strings.Contains(log.String(), "ann@example.com") || strings.Contains(log.String(), "gth_ol_") {
		t.Errorf("the log tells too much: %s", log)
	}
}

// What a server refuses for good is not tried again; what it refuses for now is. Neither error names anybody.
func TestDeliver_GivesUp(t *testing.T) {
	s := listen(t, false, true, "")
	s.refuse = []*smtp.SMTPError{
		{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user: ann@example.com"},
		{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "ann@example.com: greylisted"},
	}
	post := newPost(t, over(t, s, mail.Config{TLS: mail.STARTTLS}), &logged{})
	for _, final := range []bool{true, false} {
		err := post.Deliver(within(t), resetLetter())
		cancelled := (*rivertype.JobCancelError)(nil)
		if err == nil || errors.As(err, &cancelled) != final || strings.Contains(err.Error(), "ann@") {
			t.Errorf("error %v; final: %v", err, final)
		}
	}
}

// A letter whose link has ended meanwhile is not sent, and none where nothing can send.
func TestDeliver_Drops(t *testing.T) {
	s := listen(t, false, true, "")
	late := resetLetter()
	late.Until = time.Now().Add(-time.Second)
	if err := newPost(t, over(t, s, mail.Config{TLS: mail.STARTTLS}), &logged{}).Deliver(within(t), late); err != nil || len(s.all()) != 0 {
		t.Errorf("a late letter: %v, %d sent", err, len(s.all()))
	}
	log := &logged{}
	if err := newPost(t, nil, log).Deliver(within(t), resetLetter()); err != nil || !strings.Contains(log.String(), "no mail server is configured") {
		t.Errorf("without a server: %v, %s", err, log)
	}
}

func TestFolder(t *testing.T) {
	folder := &mail.Folder{Dir: t.TempDir() + "/mail", Now: time.Now}
	if all, err := folder.Letters(); err != nil || len(all) != 0 {
		t.Errorf("at first: %v, %v", all, err)
	}
	post := newPost(t, folder, &logged{})
	for range 103 {
		if err := post.Deliver(within(t), resetLetter()); err != nil {
			t.Fatal(err)
		}
	}
	last := resetLetter()
	last.Link, last.Name = authz.LinkID{8}, "Jürgen"
	if err := post.Deliver(within(t), last); err != nil {
		t.Fatal(err)
	}
	all, err := folder.Letters()
	if err != nil || len(all) != 100 {
		t.Fatalf("%d letters, %v", len(all), err)
	}
	if got := all[0]; got.Link != newLinks(t).URL(last.Link) || got.Subject != "Choose a new password" || !strings.Contains(got.Text, "Hello Jürgen,") || !strings.Contains(got.To, "ann@example.com") {
		t.Errorf("the latest: %+v", got)
	}
}

// A letter is in its reader's language, in that of the house where nobody knows it, and in English.
func TestDeliver_Language(t *testing.T) {
	box := &mail.Folder{Dir: t.TempDir(), Now: time.Now}
	for _, test := range []struct{ house, reader, want string }{
		{"", "", "Choose a new password"}, {"de", "", "Wählen Sie ein neues Passwort"}, {"de", "en", "Choose a new password"}, {"", "de", "Wählen Sie ein neues Passwort"},
	} {
		post := newPost(t, box, &logged{})
		post.Language = test.house
		letter := resetLetter()
		letter.Language = test.reader
		if err := post.Deliver(t.Context(), letter); err != nil {
			t.Fatal(err)
		}
		all, err := box.Letters()
		if err != nil || len(all) == 0 || all[0].Subject != test.want {
			t.Errorf("house %q, reader %q: %+v, %v", test.house, test.reader, all, err)
		}
	}
}
