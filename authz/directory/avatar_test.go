package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// picture is one of a format; "png" has a see-through corner.
func picture(t testing.TB, format string, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = byte(i) | 0x80
	}
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{R: byte(x), G: byte(y), B: 9, A: 255})
		}
	}
	var out bytes.Buffer
	var err error
	switch format {
	case "png":
		m.SetNRGBA(width/2, height/2, color.NRGBA{})
		err = png.Encode(&out, m)
	case "jpeg":
		err = jpeg.Encode(&out, m, nil)
	case "gif":
		err = gif.Encode(&out, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestAvatar(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	me := directory.Actor{Name: "ann", User: v.ann.ID}
	for format, want := range map[string]string{"png": "image/png", "jpeg": "image/jpeg"} {
		u, err := v.SetAvatar(t.Context(), me, v.acme.ID, append(picture(t, format, 640, 300), "<script>hidden</script>"...))
		v.must(err)
		user, id, _ := strings.Cut(strings.TrimPrefix(u.AvatarURL, "/files/"), "/")
		file, err := authz.ParseID[authz.FileID](id)
		v.must(err)
		f, err := v.store.File(t.Context(), v.ann.ID, file)
		v.must(err)
		shape, _, err := image.DecodeConfig(bytes.NewReader(f.Content))
		if err != nil || shape.Width != 256 || shape.Height != 256 || f.MediaType != want || user != v.ann.ID.String() {
			t.Errorf("%s: %v, %s at %s, %v", format, shape, f.MediaType, u.AvatarURL, err)
		}
		if bytes.Contains(f.Content, []byte("hidden")) {
			t.Errorf("%s: what stood beside the picture was kept", format)
		}
		// M1: the id alone does not do, under another user's path.
		if _, err := v.store.File(t.Context(), v.user("other-"+format, authz.RoleUser).ID, file); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%s: under another's path: %v", format, err)
		}
	}
	if n := v.world.Text(`select count(*) as n from platform.files`); n != "(1)" {
		t.Errorf("%s files: the one before was not replaced", n)
	}
	u, err := v.RemoveAvatar(t.Context(), me, v.ann.ID)
	if err != nil || u.AvatarURL != "" || v.world.Text(`select id from platform.files`) != "" {
		t.Errorf("removed: %q, %v", u.AvatarURL, err)
	}
}

func TestAvatar_Refused(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	me := directory.Actor{Name: "ann", User: v.ann.ID}
	good := picture(t, "png", 64, 64)
	// A header that says gigabytes: width and height of a PNG stand at byte 16.
	bomb := bytes.Clone(good)
	copy(bomb[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0})
	for name, content := range map[string][]byte{
		"nothing": nil, "text": []byte("hello"), "SVG": []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`),
		"GIF": picture(t, "gif", 64, 64), "cut off": good[:len(good)/2], "a bomb": bomb, "too large": append(bytes.Clone(good), make([]byte, directory.MaxAvatar)...),
	} {
		var wrong *directory.InvalidError
		if _, err := v.SetAvatar(t.Context(), me, v.acme.ID, content); !errors.As(err, &wrong) || wrong.Field != "picture" {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The storage that was booked: nothing at all.
	_, err := v.UpdateTenant(t.Context(), host, v.acme.ID, directory.TenantChange{StorageQuotaGB: pointer(0)})
	v.must(err)
	if _, err := v.SetAvatar(t.Context(), me, v.acme.ID, good); !errors.Is(err, storage.ErrLimit) || !strings.Contains(fmt.Sprint(err), "storage_quota_gb") {
		t.Errorf("no storage is booked: %v", err)
	}
}

func FuzzAvatar(f *testing.F) {
	f.Add([]byte("x"))
	f.Add(picture(f, "png", 8, 8))
	f.Add(picture(f, "jpeg", 8, 8))
	f.Fuzz(func(t *testing.T, content []byte) {
		media, drawn, err := directory.Redrawn(content)
		if err == nil && (len(drawn) == 0 || !strings.HasPrefix(media, "image/")) {
			t.Errorf("%d bytes of %s", len(drawn), media)
		}
	})
}

// A merge takes the picture along to who has none, and its address with it.
func TestAvatar_FollowsAMerge(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	bob := v.user("bob", authz.RoleUser)
	_, err := v.SetAvatar(t.Context(), directory.Actor{Name: "ann", User: v.ann.ID}, v.acme.ID, picture(t, "png", 64, 64))
	v.must(err)
	_, err = v.MergeUsers(t.Context(), host, v.ann.ID, bob.ID, false)
	v.must(err)
	u, err := v.User(t.Context(), host, bob.ID.String())
	v.must(err)
	_, id, _ := strings.Cut(strings.TrimPrefix(u.AvatarURL, "/files/"), "/")
	file, err := authz.ParseID[authz.FileID](id)
	v.must(err)
	if _, err := v.store.File(t.Context(), bob.ID, file); err != nil || !strings.HasPrefix(u.AvatarURL, "/files/"+bob.ID.String()+"/") {
		t.Errorf("the picture is at %q: %v", u.AvatarURL, err)
	}
}
