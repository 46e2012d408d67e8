// Reads a served log with Go's own transparency log packages (golang.org/x/mod/sumdb), which know nothing of Seedproof:
//
//	tlog URL VERIFIER-KEY SMALLER-SIZE
//
// The checkpoint is opened with the log's key; every entry of every bundle is proved to be in its tree through tiles
// whose hashes the library authenticates; and the tree of the smaller size is proved to be a prefix. Prints "ok SIZE".
package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type reader struct{ base string }

func (r reader) Height() int                     { return height }
func (r reader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r reader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		data, err := get(r.base + "/tile/" + strconv.Itoa(tile.L) + "/" + place(tile.N, tile.W))
		if err != nil {
			return nil, err
		}
		found = append(found, data)
	}
	return found, nil
}

// place spells N and W as C2SP tlog-tiles does, without the tile height that Go's own paths have.
func place(n int64, w int) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	if w != 1<<height {
		text += fmt.Sprintf(".p/%d", w)
	}
	return text
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func checkpoint(base, vkey string) tlog.Tree {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	data, err := get(base + "/checkpoint")
	check(err)
	opened, err := note.Open(data, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		check(fmt.Errorf("origin %q", lines[0]))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	root, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: root}
}

func main() {
	base, vkey := os.Args[1], os.Args[2]
	smaller, err := strconv.ParseInt(os.Args[3], 10, 64)
	check(err)
	tree := checkpoint(base, vkey)
	hashes := tlog.TileHashReader(tree, reader{base})
	for index := int64(0); index < tree.N; {
		bundle := index >> height
		width := 1 << height
		if tree.N-bundle<<height < 1<<height {
			width = int(tree.N - bundle<<height)
		}
		data, err := get(base + "/tile/entries/" + place(bundle, width))
		check(err)
		for len(data) > 0 {
			length := int(binary.BigEndian.Uint16(data))
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			check(err)
			check(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(data[2:2+length])))
			data, index = data[2+length:], index+1
		}
	}
	if smaller > 0 {
		old, err := tlog.TreeHash(smaller, hashes)
		check(err)
		proof, err := tlog.ProveTree(tree.N, smaller, hashes)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, smaller, old))
		fmt.Println("prefix", smaller, old)
	}
	fmt.Println("ok", tree.N)
}
