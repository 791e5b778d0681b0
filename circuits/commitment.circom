pragma circom 2.1.6;

include "poseidon.circom";

// Commitments to tensors as src/zk/commit.ts defines them, and membership in a tree.

// The root of a stream of E field elements (packed integers, behind a salt where there is one): leaves of 15 elements behind the
// tensor's tag, zeros behind the last, and above them a binary tree in which an odd node rises as it is.
// What it does not check: that packing is injective, for which the caller must have bounded every integer to its width.
// Cost: leaves * (609 + 1 row + 1) + (leaves - 1) * (240 + 1 row) constraints and a row for every element that is no wire.
template StreamRoot(E, tag) {
    signal input in[E];
    signal output out[1];
    var leaves = (E + 14) \ 15;
    component leaf[leaves];
    component node[leaves];
    var level[leaves];
    for (var i = 0; i < leaves; i++) {
        leaf[i] = Poseidon(16, 68);
        leaf[i].in[0] <== tag;
        for (var k = 0; k < 15; k++) {
            if (i * 15 + k < E) { leaf[i].in[k + 1] <== in[i * 15 + k]; } else { leaf[i].in[k + 1] <== 0; }
        }
        level[i] = leaf[i].out;
    }
    var made = 0;
    var width = leaves;
    while (width > 1) {
        for (var i = 0; i < width \ 2; i++) {
            node[made] = Poseidon(2, 57);
            node[made].in[0] <== level[2 * i];
            node[made].in[1] <== level[2 * i + 1];
            level[i] = node[made].out;
            made++;
        }
        if (width % 2 == 1) { level[width \ 2] = level[width - 1]; }
        width = (width + 1) \ 2;
    }
    out[0] <== level[0];
}

// The root of a stream of E field elements one after the other: Poseidon(tag, first), then Poseidon(hash so far, next).
// What it does not check: as StreamRoot. Cost: E * (240 + 1 row) constraints and a row for every element that is no wire.
template ChainRoot(E, tag) {
    signal input in[E];
    signal output out[1];
    component link[E];
    var so_far = tag;
    for (var i = 0; i < E; i++) {
        link[i] = Poseidon(2, 57);
        link[i].in[0] <== so_far;
        link[i].in[1] <== in[i];
        so_far = link[i].out;
    }
    out[0] <== so_far;
}

// The root that a leaf reaches through `depth` siblings; bit i of the position says whether the path comes from the right.
// What it does not check: that the root is the one of the data set; the caller compares it with a public one.
// Cost: depth * (240 + 1 row + 2 + 2 rows) constraints.
template MerkleRoot(depth) {
    signal input leaf[1];
    signal input siblings[depth];
    signal input position[depth];
    signal output out[1];
    component node[depth];
    signal swap[depth];
    var at = leaf[0];
    for (var i = 0; i < depth; i++) {
        position[i] * (position[i] - 1) === 0;
        node[i] = Poseidon(2, 57);
        swap[i] <== position[i] * (siblings[i] - at);
        node[i].in[0] <== at + swap[i];
        node[i].in[1] <== siblings[i] - swap[i];
        at = node[i].out;
    }
    out[0] <== at;
}
