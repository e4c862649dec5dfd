package authn

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// What every authenticator app understands (RFC 6238 with its defaults).
const (
	totpPeriod = 30 * time.Second
	totpDigits = otp.DigitsSix
	// A clock may be a step ahead or behind (RFC 6238 §5.2).
	totpDrift = 1
)

// Enrolment is what a person needs to set up an authenticator app.
type Enrolment struct {
	// Secret is to be typed in, in groups of four.
	Secret string
	// URI is the same as a link (otpauth).
	URI string
	// QR is the same as a picture.
	QR QR
	// State comes back with the first code.
	State string
}

// QR is a picture of squares: dark ones on a grid of Size by Size, whose outer four
// rows are the quiet zone.
type QR struct {
	Size int
	// Path is the dark squares as an SVG path.
	Path string
}

type enrolling struct {
	User   authz.UserID `json:"u"`
	Secret []byte       `json:"s"`
}

// Enrol makes a secret for an authenticator app. Nothing is kept before the app has
// shown a right code.
func (f *Factors) Enrol(user storage.User, browser string) (Enrolment, error) {
	secret := make([]byte, 20) // RFC 4226 §4 R6: 160 bits
	_, _ = rand.Read(secret)   // never fails (crypto/rand, Go 1.24)
	return f.enrolment(user, browser, secret)
}

// EnrolAgain shows an enrolment once more, after a code that was wrong. Its error
// is [ErrExpired] when it is not valid any more.
func (f *Factors) EnrolAgain(user storage.User, browser, state string) (Enrolment, error) {
	e, err := asked[enrolling](f.enrols, browser, state, f.now())
	if err != nil || e.User != user.ID {
		return Enrolment{}, ErrExpired
	}
	return f.enrolment(user, browser, e.Secret)
}

func (f *Factors) enrolment(user storage.User, browser string, secret []byte) (Enrolment, error) {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: f.issuer, AccountName: user.Username, Secret: secret})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make authenticator app secret: %w", err)
	}
	picture, err := drawQR(key.URL())
	if err != nil {
		return Enrolment{}, err
	}
	state, err := ask(f.enrols, browser, f.now(), enrolling{user.ID, secret})
	return Enrolment{Secret: inGroups(key.Secret()), URI: key.URL(), QR: picture, State: state}, err
}

// SetUp keeps the secret of an enrolment whose app has shown a right code. The
// user's other sessions end. The error is [ErrCode], [ErrExpired] or a fault.
func (f *Factors) SetUp(ctx context.Context, user storage.User, browser, state, code string, keep authz.SessionID, dead time.Time, event storage.AuditEvent) error {
	e, err := asked[enrolling](f.enrols, browser, state, f.now())
	if err != nil || e.User != user.ID {
		return ErrExpired
	}
	step, right, err := totpStep(e.Secret, code, f.now(), 0)
	if err != nil {
		return err
	}
	if !right {
		return ErrCode
	}
	return f.store.ForUser(user.ID).SetTOTP(ctx, storage.TOTP{
		SecretSealed: f.secrets.aead.Seal(nil, nil, e.Secret, user.ID[:]), LastStep: step, CreatedAt: f.now(),
	}, keep, dead, event)
}

// VerifyTOTP judges a code of the user's authenticator app, and accepts each once.
// The error is [ErrCode], a [*LimitError] or a fault.
func (f *Factors) VerifyTOTP(ctx context.Context, user authz.UserID, code string, addr netip.Addr) error {
	return f.attempt(ctx, user, addr, func() (bool, error) {
		own := f.store.ForUser(user)
		have, err := own.Authenticators(ctx)
		if err != nil || have.TOTP == nil {
			return false, err
		}
		secret, err := f.secrets.aead.Open(nil, nil, have.TOTP.SecretSealed, user[:])
		if err != nil {
			return false, fmt.Errorf("open authenticator app secret: it was sealed under another master secret, or altered")
		}
		step, right, err := totpStep(secret, code, f.now(), have.TOTP.LastStep)
		if err != nil || !right {
			return false, err
		}
		return own.ConsumeTOTPStep(ctx, step, f.now())
	})
}

// totpStep finds the time step, later than the last one, of which the code is.
func totpStep(secret []byte, code string, now time.Time, last int64) (step int64, right bool, err error) {
	typed := strings.Join(strings.FieldsFunc(code, func(r rune) bool { return r == ' ' || r == '-' }), "")
	encoded := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	current := now.Unix() / int64(totpPeriod/time.Second)
	for s := current - totpDrift; s <= current+totpDrift; s++ {
		want, err := totp.GenerateCodeCustom(encoded, time.Unix(s*int64(totpPeriod/time.Second), 0), totp.ValidateOpts{
			Period: uint(totpPeriod / time.Second), Digits: totpDigits, Algorithm: otp.AlgorithmSHA1,
		})
		if err != nil {
			return 0, false, fmt.Errorf("compute code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(typed)) == 1 && s > last {
			step, right = s, true
		}
	}
	return step, right, nil
}

func inGroups(secret string) string {
	var b strings.Builder
	for i, r := range secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func drawQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return QR{}, fmt.Errorf("draw QR code: %w", err)
	}
	const quiet = 4
	size := code.Bounds().Dx()
	var path strings.Builder
	for y := range size {
		for x := range size {
			if r, _, _, _ := code.At(x, y).RGBA(); r == 0 {
				fmt.Fprintf(&path, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	return QR{Size: size + 2*quiet, Path: path.String()}, nil
}
