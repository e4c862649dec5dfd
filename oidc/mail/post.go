package mail

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/mail"
	"net/url"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/gatehouse/gatehouse/oidc/authn"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/jobs"
	"github.com/gatehouse/gatehouse/templates"
)

// Carrier takes a finished message from here: [SMTP] or [Folder].
type Carrier interface {
	carry(ctx context.Context, m *gomail.Msg) error
}

// Post writes letters and hands them over.
type Post struct {
	// Issuer is what links and the foot of a letter name; no request has a say in it.
	Issuer *url.URL
	Links  *authn.Links
	// From is the sender.
	From mail.Address
	// Language is that of letters to readers whose own is not known: a tag of
	// [templates.Languages], or "" for English.
	Language string
	// Carrier is nil where no way to send mail is configured: letters are then dropped,
	// and the log says so.
	Carrier Carrier
	Log     *slog.Logger
	Now     func() time.Time
}

// Deliver does the job that a letter is.
func (p *Post) Deliver(ctx context.Context, m storage.Mail) error {
	if p.Carrier == nil {
		p.Log.WarnContext(ctx, "a mail was not sent: no mail server is configured (GATEHOUSE_SMTP_ADDRESS)", "letter", m.Letter)
		return nil
	}
	if !m.Until.IsZero() && !p.Now().Before(m.Until) {
		return nil // its link has ended while the mail server was away
	}
	message, err := p.message(m)
	if err != nil {
		return jobs.Cancel(fmt.Errorf("write mail: %w", err))
	}
	if err := p.Carrier.carry(ctx, message); err != nil {
		return err
	}
	p.Log.InfoContext(ctx, "mail sent", "letter", m.Letter)
	return nil
}

func (p *Post) message(m storage.Mail) (*gomail.Msg, error) {
	letter := templates.Mail{
		Letter: string(m.Letter), Language: cmp.Or(m.Language, p.Language), Name: m.Name, Host: p.Issuer.Host, Until: m.Until, At: m.At, Device: m.Device, Subject: m.Subject,
	}
	if !m.Link.IsZero() {
		letter.Link = p.Links.URL(m.Link)
	}
	if m.Address.IsValid() {
		letter.Address = m.Address.String()
	}
	words, err := letter.Write()
	if err != nil {
		return nil, err
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := message.FromFormat(p.From.Name, p.From.Address); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	// A bare address: a name beside it would be one more thing to be quoted right.
	if err := message.To(m.To); err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	message.Subject(words.Subject)
	message.SetDateWithValue(p.Now())
	message.SetMessageID()
	// RFC 3834 §5: nobody's absence note is an answer to this.
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(gomail.TypeTextPlain, words.Text)
	message.AddAlternativeString(gomail.TypeTextHTML, words.HTML)
	return message, nil
}
