package directory

import (
	"bytes"
	"context"
	"image"
	"image/png"

	"golang.org/x/image/draw"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/storage"
)

// logoWidth and logoHeight are the size of what is kept, in pixels: twice what is shown.
const (
	logoWidth  = 320
	logoHeight = 80
)

// SetTenantLogo makes a picture, PNG, JPEG or WebP, the logo of a tenant. It is drawn
// anew on white, whole and centred, so that nothing of the file but what can be seen is
// kept, and it can be seen by night too.
func (s *Service) SetTenantLogo(ctx context.Context, a Actor, id authz.TenantID, picture []byte) (storage.Tenant, error) {
	if err := may(a, manageTenants); err != nil {
		return storage.Tenant{}, err
	}
	content, err := logo(picture)
	if err != nil {
		return storage.Tenant{}, err
	}
	l := storage.Logo{ID: authz.RandomID[authz.FileID](), Tenant: id, MediaType: "image/png", Content: content, CreatedAt: s.now()}
	t, err := s.store.SetTenantLogo(ctx, l, s.event(a, "tenant.logo", id))
	return t, orUnknown(err, "tenant", id.String())
}

// RemoveTenantLogo takes a tenant's logo away; nothing happens when there is none.
func (s *Service) RemoveTenantLogo(ctx context.Context, a Actor, id authz.TenantID) (storage.Tenant, error) {
	if err := may(a, manageTenants); err != nil {
		return storage.Tenant{}, err
	}
	t, err := s.store.RemoveTenantLogo(ctx, id, s.event(a, "tenant.remove-logo", id))
	return t, orUnknown(err, "tenant", id.String())
}

func logo(picture []byte) ([]byte, error) {
	source, err := opened(picture)
	if err != nil {
		return nil, err
	}
	plate := image.NewNRGBA(image.Rect(0, 0, logoWidth, logoHeight))
	draw.Draw(plate, plate.Bounds(), image.White, image.Point{}, draw.Src)
	from := source.Bounds()
	scale := min(float64(logoWidth)/float64(from.Dx()), float64(logoHeight)/float64(from.Dy()))
	size := image.Pt(max(1, int(scale*float64(from.Dx()))), max(1, int(scale*float64(from.Dy()))))
	corner := image.Pt((logoWidth-size.X)/2, (logoHeight-size.Y)/2)
	draw.CatmullRom.Scale(plate, image.Rectangle{Min: corner, Max: corner.Add(size)}, source, from, draw.Over, nil)
	var out bytes.Buffer
	err = png.Encode(&out, plate)
	return out.Bytes(), err
}
