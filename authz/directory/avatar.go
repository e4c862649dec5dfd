package directory

import (
	"bytes"
	"context"
	"image"
	"image/jpeg"
	"image/png"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp" // what a browser's camera app may save

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

const (
	// MaxAvatar bounds the picture that is sent, in bytes.
	MaxAvatar = 5 << 20
	// maxSide and maxPixels bound what it unpacks to: a few bytes may say that they are
	// a picture of gigabytes.
	maxSide   = 8000
	maxPixels = 16 << 20
	// avatarSide is the side of what is kept, in pixels.
	avatarSide = 256
)

// SetAvatar makes a picture the actor's avatar: PNG, JPEG or WebP. It is drawn anew, so
// that nothing of the file but what can be seen is kept, and counts against the
// storage of the tenant that the actor works in.
func (s *Service) SetAvatar(ctx context.Context, a Actor, tenant authz.TenantID, picture []byte) (storage.User, error) {
	media, content, err := redrawn(picture)
	if err != nil {
		return storage.User{}, err
	}
	now := s.now()
	f := storage.File{ID: authz.RandomID[authz.FileID](), User: a.User, Tenant: tenant, MediaType: media, Content: content, CreatedAt: now}
	return s.store.SetAvatar(ctx, f, s.event(a, "user.avatar", tenant))
}

// RemoveAvatar takes a user's picture away; nothing happens when there is none. The
// actor is the user, or may change them.
func (s *Service) RemoveAvatar(ctx context.Context, a Actor, user authz.UserID) (storage.User, error) {
	if a.User != user {
		if _, err := s.changeable(ctx, a, user); err != nil {
			return storage.User{}, err
		}
	}
	return s.store.RemoveAvatar(ctx, user, s.event(a, "user.remove-avatar", authz.TenantID{}))
}

// opened is a picture that somebody sent: PNG, JPEG or WebP, within the bounds.
func opened(picture []byte) (image.Image, error) {
	const field = "picture"
	if len(picture) > MaxAvatar {
		return nil, invalid(field, "is larger than 5 MiB")
	}
	shape, format, err := image.DecodeConfig(bytes.NewReader(picture))
	if err != nil || format != "png" && format != "jpeg" && format != "webp" {
		return nil, invalid(field, "is not a PNG, JPEG or WebP picture")
	}
	if shape.Width > maxSide || shape.Height > maxSide || shape.Width*shape.Height > maxPixels {
		return nil, invalid(field, "has more than 16 million pixels, or a side of more than 8000")
	}
	source, _, err := image.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, invalid(field, "is damaged")
	}
	return source, nil
}

// redrawn is a picture as it is kept: the middle of it, square, without whatever else
// the file held.
func redrawn(picture []byte) (mediaType string, content []byte, err error) {
	source, err := opened(picture)
	if err != nil {
		return "", nil, err
	}
	square := image.NewNRGBA(image.Rect(0, 0, avatarSide, avatarSide))
	draw.CatmullRom.Scale(square, square.Bounds(), source, middle(source.Bounds()), draw.Src, nil)
	var out bytes.Buffer
	if square.Opaque() {
		err = jpeg.Encode(&out, square, &jpeg.Options{Quality: 85})
		return "image/jpeg", out.Bytes(), err
	}
	err = png.Encode(&out, square)
	return "image/png", out.Bytes(), err
}

// middle is the largest square in the middle of a rectangle.
func middle(r image.Rectangle) image.Rectangle {
	side := min(r.Dx(), r.Dy())
	from := image.Pt(r.Min.X+(r.Dx()-side)/2, r.Min.Y+(r.Dy()-side)/2)
	return image.Rectangle{Min: from, Max: from.Add(image.Pt(side, side))}
}
