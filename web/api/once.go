package api

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
)

// Once makes a request repeatable: embed it in the parameters of what creates
// something. Of requests with the same key within a day one makes it, also when they
// come at once, and the others get its answer, or 409 while there is none.
type Once struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"A text of your choice, such as a UUID: asked again with it within a day, nothing is made twice and the answer is the first one"`
}

func (o Once) onceKey() string { return o.IdempotencyKey }

// onceLifetime is how long an answer is kept.
const onceLifetime = 24 * time.Hour

// once keeps requests from having their effect twice.
type once struct {
	seal   cipher.AEAD
	digest []byte
}

func newOnce(master []byte) (once, error) {
	sealing, err := hkdf.Key(sha256.New, master, nil, "gatehouse api idempotency answer", 32)
	if err != nil {
		return once{}, fmt.Errorf("derive idempotency key: %w", err)
	}
	digest, err := hkdf.Key(sha256.New, master, nil, "gatehouse api idempotency request", 32)
	if err != nil {
		return once{}, fmt.Errorf("derive idempotency key: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return once{}, err
	}
	seal, err := cipher.NewGCM(block)
	return once{seal, digest}, err
}

// doOnce runs a request that has a key, if it is the first to have it, and gives the
// answer of the first to all others.
func doOnce[I, O any](ctx context.Context, a *API, operation, key string, in *I, do func(context.Context) (O, error)) (O, error) {
	var none O
	request, err := json.Marshal(in)
	if err != nil {
		return none, fmt.Errorf("digest request: %w", err)
	}
	mac := hmac.New(sha256.New, a.once.digest)
	fmt.Fprintf(mac, "%s\n%s", operation, request)
	now := a.Now()
	claim := storage.IdempotencyKey{Actor: keyHolder(ctx), Key: key, RequestHash: mac.Sum(nil), CreatedAt: now, ExpiresAt: now.Add(onceLifetime)}
	store := a.Store.ForOperator()
	kept, claimed, err := store.ClaimIdempotencyKey(ctx, claim)
	if err != nil {
		return none, err
	}
	if !claimed {
		return openAnswer[O](a.once, kept, claim.RequestHash)
	}
	out, err := do(postgres.WithIdempotencyKey(ctx, claim.Actor, key))
	// A commit whose answer did not come may have been one.
	certain := !errors.Is(err, storage.ErrUnavailable) && ctx.Err() == nil
	// The client may be gone by now, or out of time, and what was begun is finished all
	// the same, if the database is there.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err != nil {
		return none, errors.Join(err, store.ReleaseIdempotencyKey(ctx, claim.Actor, key, certain))
	}
	document, err := json.Marshal(out)
	if err != nil {
		return none, fmt.Errorf("keep answer: %w", err)
	}
	nonce := make([]byte, a.once.seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand, Go 1.24)
	if err := store.AnswerIdempotencyKey(ctx, claim.Actor, key, a.once.seal.Seal(nonce, nonce, document, claim.RequestHash)); err != nil {
		// It was made. Whoever asks again learns that, and looks.
		a.Log.ErrorContext(ctx, "idempotency key not answered", "error", err)
	}
	return out, nil
}

// openAnswer is the answer of the request that came first.
func openAnswer[O any](o once, kept storage.IdempotencyKey, request []byte) (out O, err error) {
	switch {
	case !hmac.Equal(kept.RequestHash, request):
		return out, &directory.InvalidError{Field: "Idempotency-Key", Problem: "was sent with another request before: choose another one"}
	case kept.Answer != nil && len(kept.Answer) < o.seal.NonceSize():
		return out, huma.Error409Conflict("A request with this Idempotency-Key was carried out, and its answer is lost: look for what it made.")
	case kept.Answer == nil:
		return out, huma.ErrorWithHeaders(huma.Error409Conflict("A request with this Idempotency-Key has begun and is not answered yet."), http.Header{"Retry-After": {"1"}})
	}
	nonce, sealed := kept.Answer[:o.seal.NonceSize()], kept.Answer[o.seal.NonceSize():]
	document, err := o.seal.Open(nil, nonce, sealed, request)
	if err != nil {
		return out, fmt.Errorf("open kept answer: %w", err)
	}
	if err := json.Unmarshal(document, &out); err != nil {
		return out, fmt.Errorf("open kept answer: %w", err)
	}
	return out, nil
}

// keyHolder is whose key it is.
func keyHolder(ctx context.Context) string {
	if actor, ok := host(ctx); ok {
		return actor.Name
	}
	return resource.PrincipalFrom(ctx).Subject
}
