package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"

	"github.com/gatehouse/gatehouse/authz/resource"
)

// maxMessage bounds a message, in bytes.
const maxMessage = 4 << 20

// protected holds each message to what it needs.
type protected struct {
	guard *resource.Guard
	next  http.Handler
	// every is for messages that call no tool of tools.
	every resource.Requirement
	tools map[string]resource.Requirement
}

func (p *protected) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || len(p.tools) == 0 || r.Header.Get("Authorization") == "" {
		p.guard.Require(p.every)(p.next).ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		status := http.StatusBadRequest
		if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, http.StatusText(status), status)
		return
	}
	tool, message, err := read(body)
	if err != nil {
		http.Error(w, "The body is not one JSON-RPC message.", http.StatusBadRequest)
		return
	}
	need, special := p.tools[tool]
	if !special {
		need = p.every
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(message)), int64(len(message))
	p.guard.Require(need)(p.next).ServeHTTP(w, r)
}

// read finds the tool that a message calls, "" for none, and writes the message
// anew from what was read of it: so the server behind cannot see another name in
// it than the one that was judged, by a member that stands twice or otherwise.
func read(body []byte) (tool string, message []byte, err error) {
	m, err := jsonrpc.DecodeMessage(body)
	if err != nil {
		return "", nil, err
	}
	if call, is := m.(*jsonrpc.Request); is && call.Method == "tools/call" {
		var parameters map[string]json.RawMessage
		if err := json.Unmarshal(call.Params, &parameters); err != nil {
			return "", nil, err
		}
		if err := json.Unmarshal(parameters["name"], &tool); err != nil {
			return "", nil, err
		}
		if parameters["name"], err = json.Marshal(tool); err != nil {
			return "", nil, err
		}
		if call.Params, err = json.Marshal(parameters); err != nil {
			return "", nil, err
		}
	}
	message, err = jsonrpc.EncodeMessage(m)
	return tool, message, err
}
