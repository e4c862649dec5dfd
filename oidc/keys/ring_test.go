package keys

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

func jwksOf(t testing.TB, r *Ring) jose.JSONWebKeySet {
	t.Helper()
	document, _ := r.JWKS()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

func activeKID(t testing.TB, r *Ring, algorithm Algorithm) string {
	t.Helper()
	v, err := r.Verify(sign(t, r, algorithm, TypeIDToken), TypeIDToken)
	if err != nil {
		t.Fatal(err)
	}
	return v.KID
}

func TestFirstStartMakesOneActiveAndOneNextKeyEach(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	for _, algorithm := range Algorithms() {
		if _, err := r.Verify(sign(t, r, algorithm, TypeAccessToken), TypeAccessToken); err != nil {
			t.Errorf("%s: %v", algorithm, err)
		}
	}
	if active, next := store.count(clock.now(), Active), store.count(clock.now(), Next); active != 2 || next != 2 {
		t.Errorf("%d active and %d next keys, want 2 and 2", active, next)
	}
	set := jwksOf(t, r)
	if len(set.Keys) != 4 {
		t.Errorf("JWKS has %d keys, want 4", len(set.Keys))
	}
	for _, k := range set.Keys {
		if !k.IsPublic() || !k.Valid() || k.Use != "sig" || k.Algorithm == "" || k.KeyID == "" {
			t.Errorf("JWKS entry is not a complete public key: %+v", k)
		}
	}
}

func TestFirstStartOfManyReplicasMakesOneSet(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	var replicas sync.WaitGroup
	for range 8 {
		replicas.Go(func() {
			if _, err := Open(t.Context(), store, master, clock.now); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
	if len(store.rows) != 4 {
		t.Errorf("%d keys were made, want 4", len(store.rows))
	}
}

func TestRotateOnlyWhenDue(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	first, next := activeKID(t, r, ES256), jwksOf(t, r).Keys

	clock.advance(Lifetime - time.Second)
	if promoted, err := r.Rotate(t.Context()); err != nil || len(promoted) != 0 {
		t.Fatalf("rotated a second early: %v, %v", promoted, err)
	}
	clock.advance(time.Second)
	promoted, err := r.Rotate(t.Context())
	if err != nil || len(promoted) != 2 {
		t.Fatalf("promoted %v, %v; want two keys", promoted, err)
	}
	second := activeKID(t, r, ES256)
	if second == first {
		t.Fatal("the old key still signs")
	}
	known := false
	for _, k := range next {
		known = known || k.KeyID == second
	}
	if !known {
		t.Error("the promoted key was not published before")
	}
	if n := len(jwksOf(t, r).Keys); n != 6 {
		t.Errorf("JWKS has %d keys after the rotation, want 6: retired, active, next of two algorithms", n)
	}

	clock.advance(Retention)
	if _, err := r.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(jwksOf(t, r).Keys); n != 4 {
		t.Errorf("JWKS has %d keys after the retention, want 4", n)
	}
	if n := store.count(clock.now(), Expired); n != 2 {
		t.Errorf("%d rows of expired keys, want 2", n)
	}
	for _, row := range store.rows {
		if StateAt(row, clock.now()) == Expired && len(row.PrivateSealed) > 0 {
			t.Error("an expired key still has its private part")
		}
	}
}

func TestRotateWaitsUntilTheSuccessorWasPublishedForLongEnough(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	// The successor of today is lost; its replacement is new when the active key
	// comes to its end.
	clock.advance(Lifetime - time.Hour)
	for _, row := range store.rows {
		if StateAt(row, clock.now()) == Next {
			if _, err := r.By(storage.AuditEvent{Actor: "test"}).Revoke(t.Context(), row.KID); err != nil {
				t.Fatal(err)
			}
		}
	}
	clock.advance(PublishedAhead - time.Second)
	if promoted, err := r.Rotate(t.Context()); err != nil || len(promoted) != 0 {
		t.Fatalf("promoted a key that was published for less than %v: %v, %v", PublishedAhead, promoted, err)
	}
	clock.advance(time.Second)
	if promoted, err := r.Rotate(t.Context()); err != nil || len(promoted) != 2 {
		t.Fatalf("promoted %v, %v; want two keys", promoted, err)
	}
}

func TestRotateNowPromotesAtOnce(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	before, old := activeKID(t, r, ES256), sign(t, r, ES256, TypeAccessToken)
	_, etag := r.JWKS()
	if promoted, err := r.By(storage.AuditEvent{Actor: "test"}).RotateNow(t.Context()); err != nil || len(promoted) != 2 {
		t.Fatalf("promoted %v, %v; want two keys", promoted, err)
	}
	if activeKID(t, r, ES256) == before {
		t.Error("the old key still signs")
	}
	if _, err := r.Verify(old, TypeAccessToken); err != nil {
		t.Errorf("a token of the retired key: %v", err)
	}
	if n := store.count(clock.now(), Next); n != 2 {
		t.Errorf("%d next keys, want 2", n)
	}
	if _, after := r.JWKS(); after == etag {
		t.Error("the entity tag stayed although the JWKS changed")
	}
}

// A caching verifier that never fetches out of turn must lose nothing, whichever
// replica signs and however long the word of a rotation takes to reach it.
func TestP3_RotationLosesNothing(t *testing.T) {
	const step = 6 * time.Hour
	store, clock := &memoryStore{}, newClock()
	leader, follower := openRing(t, store, clock.now), openRing(t, store, clock.now)
	verifier := cachingVerifier{issuer: follower, now: clock.now, lifetime: PublishedAhead - step}

	var (
		// Held for reading while a token travels: time must not jump over its life.
		travel   sync.RWMutex
		workers  sync.WaitGroup
		verified = make(chan string)
		done     = make(chan struct{})
	)
	for i := range 4 {
		signer, other := leader, follower
		if i%2 == 1 {
			signer, other = follower, leader
		}
		workers.Go(func() {
			old, oldAt := sign(t, signer, ES256, TypeAccessToken), clock.now()
			for n := 0; ; n++ {
				travel.RLock()
				token, err := signer.Sign(Algorithms()[n%2], TypeAccessToken, sampleClaims)
				if err != nil {
					t.Error(err)
				}
				kid, err := verifier.verify(token)
				if err != nil {
					t.Errorf("caching verifier at %v: %v", clock.now(), err)
				}
				if _, err := other.Verify(token, TypeAccessToken); err != nil {
					t.Errorf("other replica: %v", err)
				}
				if clock.now().Sub(oldAt) < Retention-2*step {
					if _, err := other.Verify(old, TypeAccessToken); err != nil {
						t.Errorf("token of %v at %v: %v", oldAt, clock.now(), err)
					}
				} else {
					old, oldAt = token, clock.now()
				}
				travel.RUnlock()
				select {
				case verified <- kid:
				case <-done:
					return
				}
			}
		})
	}

	signers := map[string]bool{}
	for i := 0; len(signers) < 8 && i < 4*int(Lifetime/step); i++ {
		signers[<-verified] = true
		travel.Lock()
		clock.advance(step)
		travel.Unlock()
		if _, err := leader.Rotate(t.Context()); err != nil {
			t.Error(err)
		}
		if i%2 == 0 { // the follower hears of it half a day late
			if err := follower.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	close(done)
	workers.Wait()
	if len(signers) < 8 {
		t.Errorf("%d keys have signed, want 8: two algorithms and three rotations", len(signers))
	}
}

// cachingVerifier is a foreign resource server.
type cachingVerifier struct {
	issuer   *Ring
	now      func() time.Time
	lifetime time.Duration

	mu        sync.Mutex
	set       jose.JSONWebKeySet
	fetchedAt time.Time
}

func (c *cachingVerifier) verify(token string) (kid string, err error) {
	c.mu.Lock()
	if now := c.now(); now.Sub(c.fetchedAt) >= c.lifetime {
		document, _ := c.issuer.JWKS()
		c.set = jose.JSONWebKeySet{}
		err = json.Unmarshal(document, &c.set)
		c.fetchedAt = now
	}
	set := c.set
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return "", err
	}
	_, err = parsed.Verify(set)
	return parsed.Signatures[0].Header.KeyID, err
}

func TestP4_RevokeEndsAKeyAtOnce(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	behind := openRing(t, store, func() time.Time { return clock.now().Add(-time.Minute) })
	token, kid := sign(t, r, ES256, TypeAccessToken), activeKID(t, r, ES256)

	promoted, err := r.By(storage.AuditEvent{Actor: "test"}).Revoke(t.Context(), kid)
	if err != nil || len(promoted) != 1 {
		t.Fatalf("promoted %v, %v; want one key", promoted, err)
	}
	if err := behind.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]*Ring{"this replica": r, "a replica whose clock runs behind": behind} {
		if _, err := ring.Verify(token, TypeAccessToken); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s takes a token of the revoked key: %v", name, err)
		}
		if set := jwksOf(t, ring); len(set.Key(kid)) != 0 {
			t.Errorf("%s still publishes the key", name)
		}
		if got := activeKID(t, ring, ES256); got != promoted[0] {
			t.Errorf("%s signs with %s, want %s", name, got, promoted[0])
		}
	}
	if n := store.count(clock.now(), Next); n != 2 {
		t.Errorf("%d next keys, want 2", n)
	}
	if promoted, err := r.By(storage.AuditEvent{Actor: "test"}).Revoke(t.Context(), kid); err != nil || len(promoted) != 0 {
		t.Errorf("revoking twice: %v, %v", promoted, err)
	}
	if _, err := r.By(storage.AuditEvent{Actor: "test"}).Revoke(t.Context(), "nonesuch"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("revoking an unknown key: %v", err)
	}
}

func TestReloadKeepsTheKeysWhenTheStoreIsDown(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	store.down = storage.ErrUnavailable
	if err := r.Reload(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Fatalf("reload: %v", err)
	}
	if _, err := r.Rotate(t.Context()); !errors.Is(err, storage.ErrUnavailable) {
		t.Fatalf("rotate: %v", err)
	}
	if _, err := r.Verify(sign(t, r, ES256, TypeIDToken), TypeIDToken); err != nil {
		t.Fatal(err)
	}
}

// A newer release beside this one, or before a step back, may have brought an
// algorithm along.
func TestRowsOfAnUnknownAlgorithmAreLeftAlone(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	store.rows = []storage.SigningKey{{KID: "new", Algorithm: "ML-DSA-44", PrivateSealed: []byte("x"), CreatedAt: clock.now()}}
	r := openRing(t, store, clock.now)
	if _, err := r.By(storage.AuditEvent{Actor: "test"}).RotateNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row := store.rows[0]; row.KID != "new" || string(row.PrivateSealed) != "x" || !row.ActiveAt.IsZero() {
		t.Errorf("the row was changed: %+v", row)
	}
}

// TestP2_PrivateKeysAreSealedAtRest looks for every private number of every key in a
// dump of the database.
func TestP2_PrivateKeysAreSealedAtRest(t *testing.T) {
	dsn := storagetest.NewDSN(t)
	r, err := Open(t.Context(), storagetest.Open(t, dsn, postgres.Options{}), master, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.By(storage.AuditEvent{Actor: "test"}).RotateNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	dump := storagetest.Dump(t, dsn)
	all := r.snapshot.Load().byKID
	if len(all) < 4 {
		t.Errorf("only %d keys", len(all))
	}
	for kid, k := range all {
		if !strings.Contains(dump, kid) {
			t.Errorf("the dump does not have the key %s: it was not looked at", kid)
		}
		der, err := newPKCS8(k)
		if err != nil {
			t.Fatal(err)
		}
		secrets := [][]byte{der}
		for _, number := range privateNumbers(t, k) {
			// In the base64 of what has a number somewhere in it, one of these begins a group of four.
			secrets = append(secrets, number.Bytes(), number.Bytes()[1:], number.Bytes()[2:])
		}
		for _, secret := range secrets {
			whole := secret[:len(secret)/3*3]
			for _, spelt := range []string{
				string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(whole), base64.RawURLEncoding.EncodeToString(whole),
				hex.EncodeToString([]byte(base64.StdEncoding.EncodeToString(whole))), hex.EncodeToString([]byte(base64.RawURLEncoding.EncodeToString(whole))),
			} {
				if strings.Contains(dump, spelt) {
					t.Fatalf("a private part of %s key %s stands in the database in the clear", k.algorithm, k.kid)
				}
			}
		}
	}
	for _, sign := range []string{`"d":`, `"p":`, `"q":`, `"dp":`, "PRIVATE KEY", hex.EncodeToString([]byte("PRIVATE KEY"))} {
		if strings.Contains(dump, sign) {
			t.Errorf("the database holds %s", sign)
		}
	}
}

func TestTheWrongSecretIsExplainedAndWritesNothing(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	openRing(t, store, clock.now)
	before := len(store.rows)
	clock.advance(Lifetime) // a rotation is due
	_, err := Open(t.Context(), store, []byte("another secret of at least 32 bytes"), clock.now)
	if !errors.Is(err, ErrSealBroken) || !strings.Contains(err.Error(), "GATEHOUSE_SECRET") {
		t.Errorf("err = %v", err)
	}
	if len(store.rows) != before || store.count(clock.now(), Retired) != 0 {
		t.Error("the store was changed under the wrong secret")
	}
	if _, err := Open(t.Context(), store, []byte("short"), clock.now); err == nil || errors.Is(err, ErrSealBroken) {
		t.Errorf("short secret: %v", err)
	}
}

func TestAnAlteredRowDoesNotOpen(t *testing.T) {
	tests := map[string]func(rows []storage.SigningKey){
		"flipped bit":        func(rows []storage.SigningKey) { rows[0].PrivateSealed[20] ^= 1 },
		"truncated":          func(rows []storage.SigningKey) { rows[0].PrivateSealed = rows[0].PrivateSealed[:20] },
		"shorter than nonce": func(rows []storage.SigningKey) { rows[0].PrivateSealed = rows[0].PrivateSealed[:3] },
		"renamed":            func(rows []storage.SigningKey) { rows[0].KID = "00112233445566778899aabbccddeeff" },
		"other algorithm": func(rows []storage.SigningKey) {
			rows[0].Algorithm = map[string]string{"ES256": "RS256", "RS256": "ES256"}[rows[0].Algorithm]
		},
		"two keys changed places": func(rows []storage.SigningKey) {
			rows[0].PrivateSealed, rows[1].PrivateSealed = rows[1].PrivateSealed, rows[0].PrivateSealed
		},
	}
	for name, alter := range tests {
		t.Run(name, func(t *testing.T) {
			store, clock := &memoryStore{}, newClock()
			openRing(t, store, clock.now)
			alter(store.rows)
			if _, err := Open(t.Context(), store, master, clock.now); !errors.Is(err, ErrSealBroken) {
				t.Errorf("err = %v", err)
			}
		})
	}
}

func TestAPlantedPublicKeyIsNotPublished(t *testing.T) {
	store, clock := &memoryStore{}, newClock()
	r := openRing(t, store, clock.now)
	want, _ := r.JWKS()
	for i := range store.rows {
		store.rows[i].PublicJWK = []byte(`{"kty":"EC","crv":"P-256","x":"evil","y":"evil"}`)
	}
	got, _ := openRing(t, store, clock.now).JWKS()
	if !bytes.Equal(got, want) {
		t.Errorf("JWKS follows the stored public half: %s", got)
	}
}

func privateNumbers(t *testing.T, k *key) []*big.Int {
	t.Helper()
	encoded, err := jose.JSONWebKey{Key: k.private}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]string
	if err := json.Unmarshal(encoded, &members); err != nil {
		t.Fatal(err)
	}
	var numbers []*big.Int
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi"} {
		if text, has := members[name]; has {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			numbers = append(numbers, new(big.Int).SetBytes(raw))
		}
	}
	if len(numbers) == 0 {
		t.Fatal("the private key has no private numbers: the test would prove nothing")
	}
	return numbers
}
