package templates

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed static
var assets embed.FS

const staticPrefix = "/static/"

// assetTypes is the list of what may be served: a file of another kind is a mistake.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// StyleURL is the path of the style sheet, "/static/<content hash>/style.css".
func StyleURL() string { return assetURL("style.css") }

// CheckSessionURL is the path of the script that tells frames of clients of the session.
func CheckSessionURL() string { return assetURL("check-session.js") }

func assetURL(name string) string { return staticPrefix + contentHash() + "/" + name }

// asset is a file as it is served.
type asset struct {
	content []byte
	// packed is the content under gzip; nil where that saves nothing.
	packed []byte
	// etag is the quoted digest of the content.
	etag string
}

// library is every asset by its name, packed once and as tightly as gzip can, at the
// first page.
var library = sync.OnceValue(func() map[string]asset {
	files, err := assets.ReadDir("static")
	if err != nil {
		panic(fmt.Sprintf("list embedded assets: %v", err)) // cannot happen: they are compiled in
	}
	all := map[string]asset{}
	for _, file := range files {
		content, err := assets.ReadFile("static/" + file.Name())
		if err != nil {
			panic(fmt.Sprintf("read embedded asset: %v", err))
		}
		all[file.Name()] = newAsset(content)
	}
	return all
})

func newAsset(content []byte) asset {
	sum := sha256.Sum256(content)
	a := asset{content: content, etag: strconv.Quote(hex.EncodeToString(sum[:8]))}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression) // the level is one that there is
	_, _ = z.Write(content)                                    // and a buffer takes everything
	_ = z.Close()
	if packed.Len() < len(content) {
		a.packed = packed.Bytes()
	}
	return a
}

// contentHash names the state of all assets together, so that a style sheet and
// a script of different releases never meet on one page.
var contentHash = sync.OnceValue(func() string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(library())) {
		fmt.Fprintf(sum, "%s %s\n", name, library()[name].etag)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
})

// Static serves the assets below /static/ to GET and HEAD, under gzip to whoever takes
// it. Under the current hash they may be kept for ever; under another one, which a page
// of the neighbouring release asks for while replicas are replaced, not at all.
func Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, staticPrefix), "/")
		file, known := library()[name]
		kind := assetTypes[path.Ext(name)]
		if !known || kind == "" {
			http.NotFound(w, r)
			return
		}
		header := w.Header()
		header.Set("Content-Type", kind)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		if hash == contentHash() {
			header.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		file.serve(w, r)
	})
}

// serve answers with the representation that the client takes. Each has an entity tag
// of its own (RFC 9110 §8.8.3.3), and no range is cut out of what is packed.
func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("ETag", a.etag)
	if a.packed == nil {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
		return
	}
	header.Set("Vary", "Accept-Encoding")
	if r.Header.Get("Range") != "" || !TakesGzip(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
		return
	}
	header.Set("ETag", strings.TrimSuffix(a.etag, `"`)+`-gzip"`)
	header.Set("Content-Encoding", "gzip")
	header.Set("Content-Length", strconv.Itoa(len(a.packed)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.packed))
}

// TakesGzip reads Accept-Encoding (RFC 9110 §12.5.3): gzip by its name, with a weight
// above 0.
func TakesGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		name, parameter, weighed := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		if !weighed {
			return true
		}
		key, value, _ := strings.Cut(strings.TrimSpace(parameter), "=")
		weight, err := strconv.ParseFloat(value, 64)
		return strings.EqualFold(key, "q") && err == nil && weight > 0
	}
	return false
}
