package authn

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"net/netip"
	"strings"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// recoveryCodes is how many a user gets.
const recoveryCodes = 10

// Without i, l, o and u, which are read as something else.
var recoveryAlphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// readAlike is what people type for what they read.
var readAlike = strings.NewReplacer("i", "1", "l", "1", "o", "0", "-", "", " ", "")

// NewRecoveryCodes gives a user ten codes in place of all before, and ends the
// user's other sessions. The codes are not kept: this is the one time to show them.
func (f *Factors) NewRecoveryCodes(ctx context.Context, user authz.UserID, keep authz.SessionID, dead time.Time, e storage.AuditEvent) ([]string, error) {
	codes, hashes := make([]string, recoveryCodes), make([][]byte, recoveryCodes)
	for i := range codes {
		raw := make([]byte, 10)
		_, _ = rand.Read(raw) // never fails (crypto/rand, Go 1.24)
		text := recoveryAlphabet.EncodeToString(raw)
		codes[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
		hashes[i] = f.hashRecoveryCode(user, codes[i])
	}
	return codes, f.store.ForUser(user).SetRecoveryCodes(ctx, hashes, keep, dead, e)
}

// hashRecoveryCode: there is nothing to guess in 80 random bits, and without the
// master secret nothing to try either.
func (f *Factors) hashRecoveryCode(user authz.UserID, code string) []byte {
	mac := hmac.New(sha256.New, f.recovery)
	mac.Write(user[:])
	mac.Write([]byte(readAlike.Replace(strings.ToLower(strings.TrimSpace(code)))))
	return mac.Sum(nil)
}

// VerifyRecoveryCode spends a recovery code. The error is [ErrCode], a
// [*LimitError] or a fault.
func (f *Factors) VerifyRecoveryCode(ctx context.Context, user authz.UserID, code string, addr netip.Addr) error {
	return f.attempt(ctx, user, addr, func() (bool, error) {
		return f.store.ForUser(user).ConsumeRecoveryCode(ctx, f.hashRecoveryCode(user, code), f.now())
	})
}
