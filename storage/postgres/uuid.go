package postgres

import (
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
)

// uuidCodec carries the ids of package authz as the sixteen bytes that they are. Without
// it each would go through its text, in both directions.
type uuidCodec struct{ pgtype.UUIDCodec }

// id is an authz.ID of any kind, idTarget a pointer to one.
type id interface {
	IsZero() bool
	Bytes() [16]byte
}

type idTarget interface {
	id
	sql.Scanner
}

func (c uuidCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, is := value.(id); is && format == pgtype.BinaryFormatCode {
		return encodeID{}
	}
	return c.UUIDCodec.PlanEncode(m, oid, format, value)
}

type encodeID struct{}

// Encode makes NULL of the zero id.
func (encodeID) Encode(value any, buffer []byte) ([]byte, error) {
	id := value.(id)
	if id.IsZero() {
		return nil, nil
	}
	b := id.Bytes()
	return append(buffer, b[:]...), nil
}

func (c uuidCodec) PlanScan(m *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, is := target.(idTarget); is && format == pgtype.BinaryFormatCode {
		return scanID{}
	}
	return c.UUIDCodec.PlanScan(m, oid, format, target)
}

type scanID struct{}

func (scanID) Scan(source []byte, target any) error {
	switch {
	case source == nil:
		return target.(idTarget).Scan(nil)
	case len(source) != 16:
		return fmt.Errorf("a uuid of %d bytes", len(source))
	}
	return target.(idTarget).Scan([16]byte(source))
}
