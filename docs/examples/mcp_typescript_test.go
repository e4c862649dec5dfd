package examples_test

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"testing"
)

func TestMCP_TypeScriptSDK(t *testing.T) {
	t.Parallel()
	const folder = "testdata/mcp-sdk"
	if _, err := os.Stat(folder + "/node_modules/@modelcontextprotocol/sdk"); err != nil {
		t.Fatal("the modules of the MCP client are missing: run tools/install-node-modules")
	}
	a := newAgents(t)
	agent := exec.CommandContext(t.Context(), "node", "agent.mjs")
	agent.Dir, agent.Stderr = folder, t.Output()
	in, err := agent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := agent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.Start(); err != nil {
		t.Fatalf("start Node.js: %v (tools/install-node-modules installs it)", err)
	}
	defer func() { _ = agent.Process.Kill(); _ = agent.Wait() }()
	lines := bufio.NewScanner(out)
	read := func() string {
		if !lines.Scan() {
			t.Fatal("the agent has nothing more to say")
		}
		return lines.Text()
	}
	write := func(line string) {
		if _, err := in.Write([]byte(line + "\n")); err != nil {
			t.Fatalf("speak to the agent: %v", err)
		}
	}
	settings, err := json.Marshal(map[string]string{"endpoint": a.endpoint, "issuer": a.URL, "client_id": a.client, "redirect_uri": callback})
	if err != nil {
		t.Fatal(err)
	}
	write(string(settings))
	for range 2 {
		address := read()
		if _, err := url.ParseRequestURI(address); err != nil {
			t.Fatalf("the agent says %s", address)
		}
		write(callback + "?" + a.visit(address).Encode())
	}
	a.mustHaveAsked()
	var got struct {
		Said       []struct{ Text string }
		Registered struct {
			ID string `json:"client_id"`
		}
		Scope string
	}
	if err := json.Unmarshal([]byte(read()), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Said) != 3 || got.Said[0].Text != "You are "+a.ann || got.Said[1].Text != "Done" || got.Said[2] != got.Said[0] {
		t.Errorf("the tools said %+v", got.Said)
	}
	if got.Registered.ID != a.client || got.Scope != "agents:read tools:execute" {
		t.Errorf("the agent is %q and has %q", got.Registered.ID, got.Scope)
	}
}
