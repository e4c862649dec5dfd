package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// SetAvatar keeps a picture in place of the one before, and gives its address to the
// user. [storage.ErrLimit]: the tenant has no storage left.
func (s *OperatorStore) SetAvatar(ctx context.Context, f storage.File, e storage.AuditEvent) (storage.User, error) {
	var u storage.User
	err := s.change(ctx, e, userObject(f.User), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from platform.files where user_id = $1 and purpose = 'avatar'`, f.User); err != nil {
			return err
		}
		err := exec(ctx, tx, `insert into platform.files (id, user_id, tenant_id, purpose, media_type, content, created_at)
			values ($1, $2, $3, 'avatar', $4, $5, $6)`, f.ID, f.User, f.Tenant, f.MediaType, f.Content, f.CreatedAt)
		if err != nil {
			return err
		}
		u, err = setAvatarURL(ctx, tx, f.User, f.Path())
		return err
	})
	return u, err
}

// RemoveAvatar takes a user's picture away, and its address with it.
func (s *OperatorStore) RemoveAvatar(ctx context.Context, user authz.UserID, e storage.AuditEvent) (storage.User, error) {
	var u storage.User
	err := s.change(ctx, e, userObject(user), func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `delete from platform.files where user_id = $1 and purpose = 'avatar'`, user)
		if err != nil {
			return err
		}
		u, err = setAvatarURL(ctx, tx, user, "")
		return err
	})
	return u, err
}

func setAvatarURL(ctx context.Context, tx pgx.Tx, user authz.UserID, address string) (storage.User, error) {
	rows, err := tx.Query(ctx, `update platform.users u set avatar_url = $2 where u.id = $1 returning `+userColumns, user, address)
	if err != nil {
		return storage.User{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanUser)
}

// File reads a file of a user, by its id and whose it is.
func (s *Store) File(ctx context.Context, user authz.UserID, id authz.FileID) (storage.File, error) {
	f := storage.File{ID: id, User: user}
	err := s.batch(ctx, "read file", acting{row: id}, func(b *pgx.Batch) {
		b.Queue(`select media_type, content, created_at from platform.files where id = $1 and user_id = $2`, id, user).
			QueryRow(func(row pgx.Row) error { return row.Scan(&f.MediaType, &f.Content, &f.CreatedAt) })
	})
	return f, err
}
