package event

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gatehouse/gatehouse/storage"
)

// message is the payload that Standard Webhooks recommend: the type, the instant, and
// who and what by their ids. Whoever wants to know more asks the API, as what it may see.
type message struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// sign makes the request of one message. It is the same each time but for the moment
// and the signatures: two of them while an old secret is still good.
func (s *Sender) sign(w storage.Webhook, d storage.Delivery, now time.Time) (http.Header, []byte, error) {
	body, err := json.Marshal(message{d.Type, d.At.UTC(), d.Data})
	if err != nil {
		return nil, nil, fmt.Errorf("encode webhook message: %w", err)
	}
	sealed := [][]byte{w.SecretSealed}
	if now.Before(w.PreviousExpiresAt) {
		sealed = append(sealed, w.PreviousSealed)
	}
	id, at := d.Event.String(), strconv.FormatInt(now.Unix(), 10)
	signatures := ""
	for _, one := range sealed {
		secret, err := s.Secrets.open(w.ID, one)
		if err != nil {
			return nil, nil, err
		}
		key, err := signingKey(secret)
		if err != nil {
			return nil, nil, err
		}
		mac := hmac.New(sha256.New, key)
		_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, at, body)
		signatures += " v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {signatures[1:]},
	}, body, nil
}
