package templates

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func get(method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	Static().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestStatic(t *testing.T) {
	const forever = "public, max-age=31536000, immutable"
	for _, c := range []struct {
		method, path       string
		status             int
		contentType, cache string
	}{
		{"GET", StyleURL(), 200, "text/css; charset=utf-8", forever},
		{"HEAD", StyleURL(), 200, "text/css; charset=utf-8", forever},
		{"GET", assetURL("form-post.js"), 200, "text/javascript; charset=utf-8", forever},
		{"GET", assetURL("mark.svg"), 200, "image/svg+xml", forever},
		{"GET", "/static/0123456789abcdef/style.css", 200, "text/css; charset=utf-8", "no-store"},
		{"GET", "/static/style.css", 404, "", ""},
		{"GET", "/static/", 404, "", ""},
		{"GET", assetURL(""), 404, "", ""},
		{"GET", assetURL("missing.css"), 404, "", ""},
		{"GET", assetURL("../page/error.html"), 404, "", ""},
		{"GET", assetURL("..%2f..%2fstatic.go"), 404, "", ""},
		{"POST", StyleURL(), 405, "", ""},
	} {
		w := get(c.method, c.path)
		if w.Code != c.status {
			t.Errorf("%s %s: status %d, want %d", c.method, c.path, w.Code, c.status)
			continue
		}
		if c.status != http.StatusOK {
			if strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
				t.Errorf("%s %s: a refusal may be kept for ever", c.method, c.path)
			}
			continue
		}
		if got := w.Header().Get("Content-Type"); got != c.contentType {
			t.Errorf("%s: type %q, want %q", c.path, got, c.contentType)
		}
		if got := w.Header().Get("Cache-Control"); got != c.cache {
			t.Errorf("%s: cache %q, want %q", c.path, got, c.cache)
		}
		if (w.Body.Len() == 0) != (c.method == http.MethodHead) {
			t.Errorf("%s %s: %d bytes", c.method, c.path, w.Body.Len())
		}
	}
}

// TestStaticPacked: whoever takes gzip gets it, with an entity tag of its own; who
// does not, or asks for a piece, gets the file as it is.
func TestStaticPacked(t *testing.T) {
	plain := get("GET", StyleURL())
	for _, c := range []struct {
		accept, span string
		packed       bool
	}{
		{"gzip, deflate, br, zstd", "", true},
		{"br;q=1.0, GZIP;q=0.5", "", true},
		{"", "", false},
		{"identity", "", false},
		{"gzip;q=0", "", false},
		{"gzip;q=0.000, br", "", false},
		{"gzip;level=9", "", false},
		{"gzip;q=NaN", "", false},
		{"gzip", "bytes=0-9", false},
	} {
		r := httptest.NewRequest("GET", StyleURL(), nil)
		r.Header.Set("Accept-Encoding", c.accept)
		if c.span != "" {
			r.Header.Set("Range", c.span)
		}
		w := httptest.NewRecorder()
		Static().ServeHTTP(w, r)
		if got := w.Header().Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("%+v: Vary %q", c, got)
		}
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != c.packed {
			t.Errorf("%+v: packed is %t", c, got)
			continue
		}
		if !c.packed {
			if w.Header().Get("ETag") != plain.Header().Get("ETag") || !strings.HasPrefix(plain.Body.String(), w.Body.String()) {
				t.Errorf("%+v: another file", c)
			}
			continue
		}
		if w.Header().Get("ETag") == plain.Header().Get("ETag") || w.Header().Get("Content-Length") != strconv.Itoa(w.Body.Len()) || 2*w.Body.Len() > plain.Body.Len() {
			t.Errorf("%+v: %v, %d of %d bytes", c, w.Header(), w.Body.Len(), plain.Body.Len())
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(z); err != nil || string(content) != plain.Body.String() {
			t.Errorf("%+v: unpacks to %d bytes, %v", c, len(content), err)
		}
		r.Header.Set("If-None-Match", w.Header().Get("ETag"))
		again := httptest.NewRecorder()
		Static().ServeHTTP(again, r)
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%+v: asked again: %d", c, again.Code)
		}
	}
}

// TestRenderIsAllOrNothing: an error of a template leaves no half page behind.
func TestRenderIsAllOrNothing(t *testing.T) {
	var out bytes.Buffer
	if err := Render(&out, unknownPage{}); err == nil || out.Len() > 0 {
		t.Errorf("unknown page: error %v, %d bytes", err, out.Len())
	}
	if err := Render(&out, brokenPage{}); err == nil || out.Len() > 0 {
		t.Errorf("page whose fields are missing: error %v, %d bytes", err, out.Len())
	}
	if err := Render(fullDisk{}, SignedOut{}); !errors.Is(err, errFull) {
		t.Errorf("failing writer: %v", err)
	}
}

var errFull = errors.New("no space")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

type unknownPage struct{ Layout }

func (unknownPage) template() string { return "unknown" }

type brokenPage struct{ Layout }

func (brokenPage) template() string { return "account" }

func TestStyleSheet(t *testing.T) {
	css := get("GET", StyleURL()).Body.String()
	for what, pattern := range map[string]string{
		"a request to elsewhere":         `url\(|@import`,
		"a physical property":            `(?:margin|padding|border)-(?:left|right|top|bottom)|[\s;{](?:left|right|width|height):|text-align:\s*(?:left|right)|float:`,
		"an outline taken away":          `outline:\s*(?:none|0)`,
		"a rule that overrules by force": `!important`,
	} {
		if found := regexp.MustCompile(pattern).FindString(css); found != "" {
			t.Errorf("%s: %q", what, found)
		}
	}
	calm, _, _ := strings.Cut(css, "@media (prefers-reduced-motion: no-preference)")
	if strings.Contains(calm, "transition") || strings.Contains(calm, "animation") {
		t.Error("motion for people who asked for none")
	}
	for _, needed := range []string{":focus-visible", "prefers-reduced-motion", "prefers-color-scheme: dark", "color-scheme: light dark"} {
		if !strings.Contains(css, needed) {
			t.Errorf("no %s", needed)
		}
	}
}

// TestContrast computes WCAG 2.2 contrast for each pair of colours that meet on
// a page: 4.5 for text (1.4.3), 3 for the edges of controls and focus (1.4.11).
func TestContrast(t *testing.T) {
	css := get("GET", StyleURL()).Body.String()
	blocks := regexp.MustCompile(`(?s)(:root|\.demo) \{(.*?)\}`).FindAllStringSubmatch(css, -1)
	if len(blocks) != 4 {
		t.Fatalf("%d blocks of colours, want 4", len(blocks))
	}
	light, dark := colours(nil, blocks[0][2]), colours(nil, blocks[1][2])
	for scheme, palette := range map[string]map[string]string{
		"light": light, "dark": dark, "demo light": colours(light, blocks[2][2]), "demo dark": colours(dark, blocks[3][2]),
	} {
		for need, pairs := range map[float64]string{
			4.5: "ink/ground ink/card ink/well ink/tint soft/ground soft/card soft/well soft/tint accent/ground accent/card accent/tint accent-lit/card accent-lit/ground on-accent/accent on-accent/accent-lit good/good-tint warn/warn-tint bad/bad-tint",
			3:   "edge/card accent/card accent/ground accent/tint",
		} {
			for pair := range strings.FieldsSeq(pairs) {
				front, back, _ := strings.Cut(pair, "/")
				if got := contrast(t, palette[front], palette[back]); got < need {
					t.Errorf("%s: %s has contrast %.2f, needs %.1f", scheme, pair, got, need)
				}
			}
		}
	}
}

func colours(base map[string]string, block string) map[string]string {
	all := map[string]string{}
	for name, value := range base {
		all[name] = value
	}
	for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6})`).FindAllStringSubmatch(block, -1) {
		all[m[1]] = m[2]
	}
	return all
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + .05) / (min(la, lb) + .05)
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("not a colour: %q", colour)
	}
	var sum float64
	for i, weight := range []float64{.2126, .7152, .0722} {
		v, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(v) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
