package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
	"github.com/gatehouse/gatehouse/storage/postgres"
	"github.com/gatehouse/gatehouse/storage/storagetest"
)

// TestUnavailable_Codes: what passes is told apart from what is wrong with us.
func TestUnavailable_Codes(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	s, w := storagetest.Open(t, dsn, postgres.Options{}), storagetest.NewWorld(t, dsn)
	for code, passes := range map[string]bool{
		"08006": true, "25006": true, "40001": true, "40P01": true, "53100": true, "53300": true, "55P03": true,
		"57014": true, "57P01": true, "57P03": true, "58030": true,
		"XX000": true, "XX001": true,
		"22003": false, "42703": false, "42501": false, "55000": false,
	} {
		w.Exec(`create or replace function public.refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = '` + code + `', message = 'no'; end $$`)
		w.Exec(`create or replace trigger refuse before insert on platform.audit_events execute function public.refuse()`)
		err := s.SignInFailed(t.Context(), authz.UserID{}, netip.Addr{}, time.Now())
		if err == nil || errors.Is(err, storage.ErrUnavailable) != passes {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// lastWords are what PostgreSQL says on every connection, whatever it is asked, before it
// hangs up; nil while it answers as ever.
type lastWords struct{ said atomic.Pointer[string] }

func (w *lastWords) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	return &dyingConn{Conn: conn, words: w}, err
}

type dyingConn struct {
	net.Conn
	words *lastWords
	heard bool
}

func (c *dyingConn) Read(p []byte) (int, error) {
	if said := c.words.said.Load(); said != nil {
		if c.heard {
			return 0, io.EOF
		}
		c.heard = true
		return copy(p, *said), nil
	}
	return c.Conn.Read(p)
}

// message is one of PostgreSQL's protocol, version 3.
func message(kind byte, body string) string {
	size := len(body) + 4
	return string([]byte{kind, 0, 0, byte(size >> 8), byte(size)}) + body
}

// TestUnavailable_Connections: a connection that does not outlive its trip is the
// database's, whatever was said on it last, and in whatever words the driver puts that.
func TestUnavailable_Connections(t *testing.T) {
	t.Parallel()
	dsn := storagetest.NewDSN(t)
	w := storagetest.NewWorld(t, dsn)
	var words lastWords
	s := storagetest.Open(t, dsn, postgres.Options{MaxConns: 1, DialFunc: words.dial})
	user := newEstate(t, w, s, "acme").user
	for name, said := range map[string]string{
		"nothing":                       "",
		"half a message":                "T\x00\x00\x01\x00half",
		"no message":                    "\xff\x00\x00\x00\x04",
		"a message out of turn":         message('3', ""),
		"ready for the next, too soon":  message('Z', "I"),
		"an end of a class of its own":  message('E', "SFATAL\x00VFATAL\x00C25P03\x00Mterminating connection\x00\x00"),
		"an end in words of old":        "Ecould not fork new process for connection: No space left on device\n\x00",
		"an end that looks like a rule": message('E', "SFATAL\x00VFATAL\x00C42501\x00Mread-only file system\x00\x00"),
	} {
		for act, try := range map[string]func() error{
			"one trip": func() error { return s.SignInFailed(t.Context(), user, netip.Addr{}, time.Now()) },
			"a transaction": func() error {
				return s.ForOperator().Together(t.Context(), "try", func(*postgres.OperatorStore) error { return nil })
			},
		} {
			if err := try(); err != nil {
				t.Fatalf("%s before %s: %v", act, name, err)
			}
			words.said.Store(&said)
			for range 2 { // on a connection that lived, and on a new one
				if err := try(); !errors.Is(err, storage.ErrUnavailable) {
					t.Errorf("%s that ends with %s: %v", act, name, err)
				}
			}
			words.said.Store(nil)
		}
	}
	// No connection is worth its second use, so none is to be had.
	separator := " "
	if strings.Contains(dsn, "://") {
		separator = "&"
	}
	if _, err := postgres.Open(t.Context(), dsn+separator+"pool_max_conn_lifetime=1ns", postgres.Options{}); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("where each connection is found dead: %v", err)
	}
}
