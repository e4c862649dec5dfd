package templates

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
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

// contentHash names the state of all assets together, so that a style sheet and
// a script of different releases never meet on one page.
var contentHash = sync.OnceValue(func() string {
	files, err := assets.ReadDir("static")
	if err != nil {
		panic(fmt.Sprintf("list embedded assets: %v", err)) // cannot happen: they are compiled in
	}
	sum := sha256.New()
	for _, file := range files {
		content, err := assets.ReadFile("static/" + file.Name())
		if err != nil {
			panic(fmt.Sprintf("read embedded asset: %v", err))
		}
		fmt.Fprintf(sum, "%s %d\n%s", file.Name(), len(content), content)
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
})

// Static serves the assets below /static/ to GET and HEAD. Under the current
// hash they may be kept for ever; under another one, which a page of the
// neighbouring release asks for while replicas are replaced, not at all.
func Static() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, staticPrefix), "/")
		content, err := assets.ReadFile("static/" + name)
		kind := assetTypes[path.Ext(name)]
		if err != nil || kind == "" {
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
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
	})
}
