package keys

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse/gatehouse/storage"
)

// snapshot is all keys at one instant. It is immutable.
type snapshot struct {
	// signing is the active key of each algorithm.
	signing map[Algorithm]*key
	// headers knows every header that a token of ours can have, as it stands in
	// the token. A header that is not here was not written here.
	headers map[string]issued
	byKID   map[string]*key
	jwks    []byte
	etag    string
}

type issued struct {
	key *key
	typ Type
}

// newSnapshot opens the rows that are published; what an earlier snapshot has
// opened is taken over. It leaves out rows of an algorithm that a newer release
// may have brought: that release verifies its own tokens.
func newSnapshot(rows []storage.SigningKey, earlier *snapshot, at time.Time, seal sealer) (*snapshot, error) {
	s := &snapshot{signing: map[Algorithm]*key{}, headers: map[string]issued{}, byKID: map[string]*key{}}
	var set jose.JSONWebKeySet
	for _, row := range published(rows, at) {
		k, err := earlier.open(row, seal)
		if err != nil {
			return nil, err
		}
		s.byKID[k.kid] = k
		if _, taken := s.signing[k.algorithm]; !taken && StateAt(row, at) == Active {
			s.signing[k.algorithm] = k
		}
		for typ, header := range k.headers {
			s.headers[header] = issued{k, typ}
		}
		public := publicJWK(k.private, k.algorithm)
		public.KeyID = k.kid
		set.Keys = append(set.Keys, public)
	}
	var err error
	if s.jwks, err = json.Marshal(set); err != nil {
		return nil, fmt.Errorf("encode JWKS: %w", err)
	}
	digest := sha256.Sum256(s.jwks)
	s.etag = `"` + base64.RawURLEncoding.EncodeToString(digest[:16]) + `"`
	return s, nil
}

// published is the rows that stand in the JWKS, in the order of their making.
func published(rows []storage.SigningKey, at time.Time) []storage.SigningKey {
	rows = slices.DeleteFunc(slices.Clone(rows), func(row storage.SigningKey) bool {
		_, err := schemeOf(row.Algorithm)
		return err != nil || StateAt(row, at) == Expired
	})
	slices.SortFunc(rows, func(a, b storage.SigningKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.KID, b.KID))
	})
	return rows
}

func (s *snapshot) open(row storage.SigningKey, seal sealer) (*key, error) {
	if s != nil {
		if k, known := s.byKID[row.KID]; known && k.sealed == string(row.PrivateSealed) {
			return k, nil
		}
	}
	return openKey(row, seal)
}

// JWKS is the document of the JWKS endpoint (RFC 7517 §5) and its entity tag, in
// quotes as the header wants it. The document must not be changed.
func (r *Ring) JWKS() (document []byte, etag string) {
	s := r.snapshot.Load()
	return s.jwks, s.etag
}
