package postgres_test

import (
	"errors"
	"net/netip"
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
		"22003": false, "42703": false, "42501": false, "55000": false, "XX000": false,
	} {
		w.Exec(`create or replace function public.refuse() returns trigger language plpgsql as $$ begin raise exception using errcode = '` + code + `', message = 'no'; end $$`)
		w.Exec(`create or replace trigger refuse before insert on platform.audit_events execute function public.refuse()`)
		err := s.SignInFailed(t.Context(), authz.UserID{}, netip.Addr{}, time.Now())
		if err == nil || errors.Is(err, storage.ErrUnavailable) != passes {
			t.Errorf("%s: %v", code, err)
		}
	}
}
