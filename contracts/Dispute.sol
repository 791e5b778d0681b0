// SPDX-License-Identifier: MIT
pragma solidity ^0.8.31;

import {IDispute, ISettlement, State, Terms} from "./ISettlement.sol";
import {Merkle, Place, StepLeaf, TensorType} from "./Merkle.sol";
import {Counts, LeafOpening, Programs} from "./Programs.sol";
import {Claim, Job, Receipts} from "./Receipts.sol";
import {Case, IRecords, Referees, Refusal} from "./Referee.sol";
import {Vault} from "./Vault.sol";

/// @notice What a provider is asked for: the preimage of a hash out of its own commitments, or a commitment that it has not made yet.
struct Question {
    Form form;
    /// Kind of the list or tree to which the hash belongs (Merkle.STATE ...); Dispute.TILE for the bytes of a tile.
    uint8 kind;
    /// Leaves under a node, items of a list.
    uint64 size;
    bytes32 hash;
}

/// @notice LIST: a sized root. NODE: over `size` leaves. LEAF: over some bytes. DIGEST: of a tensor. TRACE, EXPANSION: to be committed.
enum Form {
    NONE,
    LIST,
    NODE,
    LEAF,
    DIGEST,
    TRACE,
    EXPANSION
}

/// @notice A challenger's game against one claim.
struct Game {
    bytes32 id;
    address challenger;
    uint64 movedAt;
    bool providerMoves;
    bool over;
    uint8 questions;
    address provider;
    /// Seconds that each has left.
    uint64 providerClock;
    uint64 challengerClock;
    /// Seconds that a clock holds at least after a move.
    uint64 extension;
    address token;
    uint256 bond;
    Question question;
    /// The leaf of the run, or the hash of step, value and element, for which TRACE or EXPANSION asks.
    bytes32 subject;
    bytes32 program;
    bytes32 run;
    uint64 steps;
    uint64 commitEvery;
}

/// @notice The earliest announcement of a fault that turned out right, and until when an earlier one may still be shown.
struct Ruling {
    address challenger;
    uint64 announcedAt;
    uint64 until;
}

/// @notice A run of leaves below the node that was revealed last: `run` leaves a place, a power of two.
struct Descent {
    uint64 run;
    uint64 index;
    bytes32 hash;
    bytes32[] path;
}

/// @title Disputes about claims: fault proofs in one transaction, and games that make a silent provider open what it committed.
/// @notice Nothing is resolved but by a referee's arithmetic on opened elements, or by silence. A game that a challenger loses closes that game
/// and nothing else; whatever it revealed serves every other. See docs/disputes.md and docs/security-contracts.md (the labels [D..] are there).
contract Dispute is Vault, IRecords, IDispute {
    error NotAReferee(address referee);
    error MalformedCall();
    error WrongClaim();
    error NotClaimed();
    error WindowClosed();
    error NotAnnounced();
    error AlreadyAnnounced();
    error TooEarly();
    error TooLate();
    error UnknownRuling(bytes32 ruling);
    error UnknownProgram(bytes32 program);
    error WrongTerms();
    error NotTheProvider();
    error NotTheChallenger();
    error NotYourMove();
    error GameOver();
    error StillRunning();
    error WrongAnswer(Form form);
    error NothingBelow(Form form);
    error TooManyQuestions();
    error AlreadyCommitted();
    error NotCommitted();
    error BadRun(uint64 run);

    event Described(bytes32 indexed program);
    event Announced(bytes32 indexed commitment);
    event Proved(bytes32 indexed id, address indexed challenger, address referee, bytes4 fault);
    event Voided(bytes32 indexed job, address referee, bytes4 fault);
    event Rewarded(bytes32 indexed id, address indexed challenger);
    event Opened(uint256 indexed game, bytes32 indexed id, address indexed challenger, uint256 bond);
    event Asked(uint256 indexed game, Question question, bytes32 subject);
    event ExpansionDemanded(uint256 indexed game, uint64 step, uint32 value, uint64 element);
    event Answered(uint256 indexed game, bytes answer);
    event Committed(bytes32 indexed id, bytes32 indexed subject, bytes32 root);
    event Closed(uint256 indexed game, address bondTo);

    /// @notice Kind of the leaves of a tensor: its tiles.
    uint8 public constant TILE = 0;
    /// @notice An earlier announcement than that of the first proof may be shown for so long.
    uint64 public constant PRIORITY = 1 days;
    /// @notice What a clock holds at least after a move, beside the time to compute again.
    uint64 public constant EXTENSION = 3 hours;
    /// @notice Questions of one game: the longest descent (run, leaf, trace, step, values, digest, tiles, tile, expansion, piece) has fewer.
    uint8 public constant MAX_QUESTIONS = 40;
    /// @notice With each open game on a claim the next bond doubles, so often and not more: small bonds must not shut out the next challenger.
    uint256 public constant MAX_DOUBLINGS = 32;

    uint256 private constant CASE_WORDS = 15;
    uint256 private constant MAX_LEAF = 4096;

    /// @notice Where jobs, claims and money are.
    ISettlement public immutable settlement;
    /// @notice Who may rule.
    mapping(address referee => bool) public isReferee;
    /// @notice Number of games so far; they are numbered from 0.
    uint256 public games;
    /// @notice Open games on a claim.
    mapping(bytes32 id => uint256) public live;
    /// @notice The block of an announcement.
    mapping(bytes32 commitment => uint256) public announcedAt;
    /// @notice What was ruled about a claim.
    mapping(bytes32 id => Ruling) public rulings;

    mapping(uint256 game => Game) private _games;
    mapping(bytes32 program => Counts) private _programs;
    mapping(bytes32 program => bool) private _known;
    mapping(bytes32 id => mapping(uint64 leaf => bytes32)) private _traces;
    mapping(bytes32 id => mapping(bytes32 key => bytes32)) private _expansions;

    constructor(ISettlement settlement_, address[] memory referees) {
        settlement = settlement_;
        for (uint256 i = 0; i < referees.length; ++i) isReferee[referees[i]] = true;
    }

    // ---------------------------------------------------------------- programs

    /// @notice Writes down what the header of a program counts, for everybody. [D1] Only what the program's root binds is written.
    function describe(bytes32 program, LeafOpening calldata header) external {
        _programs[program] = Programs.countsOf(program, header);
        _known[program] = true;
        emit Described(program);
    }

    /// @inheritdoc IDispute
    function described(bytes32 program) external view returns (bool known, bool named) {
        return (_known[program], _programs[program].flags & Programs.FLAG_NAMED_REFEREE != 0);
    }

    /// @inheritdoc IRecords
    function countsOf(bytes32 program) public view returns (Counts memory) {
        require(_known[program], UnknownProgram(program));
        return _programs[program];
    }

    /// @inheritdoc IRecords
    function traceOf(bytes32 id, uint64 leaf) external view returns (bytes32) {
        return _traces[id][leaf];
    }

    /// @inheritdoc IRecords
    function expansionOf(bytes32 id, bytes32 key) external view returns (bytes32) {
        return _expansions[id][key];
    }

    /// @inheritdoc IRecords
    function refusalOf(bytes32 id) external view returns (Refusal memory) {
        return settlement.refusalOf(id);
    }

    /// @notice The EIP-712 domain of what is signed for the settlement: referees that read signatures ask for it.
    function domainSeparator() external view returns (bytes32) {
        return settlement.domainSeparator();
    }

    /// @notice A game.
    function gameOf(uint256 game) external view returns (Game memory) {
        return _games[game];
    }

    // ---------------------------------------------------------------- fault proofs

    /// @notice Announces a fault: keccak256(abi.encode(keccak256(abi.encode(referee, call)), challenger, salt)). Shown a block later it is worth
    /// more than every proof that was announced after it, so nobody gains by copying one. [D2] An announcement is made once.
    function announce(bytes32 commitment) external {
        require(announcedAt[commitment] == 0, AlreadyAnnounced());
        announcedAt[commitment] = block.number;
        emit Announced(commitment);
    }

    /// @notice Shows an announced fault. `call` is the call of a referee, which begins with the Case.
    /// [D3] A claim is slashed only by a referee's ruling on the very claim that the settlement holds. [D4] The reward is the earliest announcer's.
    function prove(address referee, bytes calldata call, Terms calldata terms, address challenger, bytes32 salt) external {
        require(isReferee[referee], NotAReferee(referee));
        Case calldata c = _caseOf(call);
        bytes32 job = Receipts.hash(c.job);
        bytes32 id = Referees.idOf(job, c.provider);
        uint64 announced = _announcement(keccak256(abi.encode(referee, call)), challenger, salt);
        (State state, bytes32 claim,,,,) = settlement.engagementOf(id);
        require(claim != 0 && claim == Receipts.hash(c.claim), WrongClaim());
        bytes32 ruling = _ask(referee, call);
        if (ruling == Referees.VOID_JOB) {
            settlement.voidJob(job, terms);
            emit Voided(job, referee, bytes4(call));
            return;
        }
        require(ruling == Referees.FALSE_CLAIM, UnknownRuling(ruling));
        _rule(id, state, terms, challenger, announced);
        emit Proved(id, challenger, referee, bytes4(call));
    }

    /// @dev All words of a Case are static, so it lies as it is behind the selector.
    function _caseOf(bytes calldata call) private pure returns (Case calldata c) {
        require(call.length >= 4 + 32 * CASE_WORDS, MalformedCall());
        assembly ("memory-safe") {
            c := add(call.offset, 4)
        }
    }

    function _announcement(bytes32 proof, address challenger, bytes32 salt) private view returns (uint64) {
        uint256 announced = announcedAt[keccak256(abi.encode(proof, challenger, salt))];
        require(announced != 0 && announced < block.number, NotAnnounced());
        return uint64(announced);
    }

    /// @dev The referee's ruling, or the error with which it refused the evidence.
    function _ask(address referee, bytes calldata call) private view returns (bytes32) {
        (bool done, bytes memory data) = referee.staticcall(call);
        if (!done) {
            assembly ("memory-safe") {
                revert(add(data, 32), mload(data))
            }
        }
        require(data.length == 32, MalformedCall());
        return abi.decode(data, (bytes32));
    }

    /// @dev The first ruling slashes, a later one only moves the reward to whoever announced earlier.
    function _rule(bytes32 id, State state, Terms calldata terms, address challenger, uint64 announced) private {
        Ruling storage ruling = rulings[id];
        if (ruling.until == 0) {
            require(state == State.Claimed, NotClaimed());
            rulings[id] = Ruling(challenger, announced, uint64(block.timestamp) + PRIORITY);
            settlement.refute(id, terms);
            return;
        }
        require(block.timestamp < ruling.until, TooLate());
        require(announced < ruling.announcedAt, TooLate());
        (ruling.challenger, ruling.announcedAt) = (challenger, announced);
    }

    /// @notice Credits the reward of a ruling once no earlier announcement can be shown any more. Anyone may call it.
    function payReward(bytes32 id, Terms calldata terms) external {
        Ruling memory ruling = rulings[id];
        require(ruling.until != 0 && block.timestamp >= ruling.until, TooEarly());
        emit Rewarded(id, ruling.challenger);
        settlement.reward(id, ruling.challenger, terms);
    }

    // ---------------------------------------------------------------- games: opening and asking

    /// @notice Opens a game; its challenger moves first. [D5] Only inside the window of an unpaid claim; [D6] each open game on a claim doubles
    /// the bond of the next; [D7] nothing is paid while a game lives.
    function open(Job calldata job, Claim calldata claim, address provider, Terms calldata terms)
        external
        payable
        nonReentrant
        returns (uint256 game)
    {
        bytes32 id = Referees.idOf(Receipts.hash(job), provider);
        _demandOpen(id, Receipts.hash(claim), terms);
        uint256 others = live[id]++;
        // The settlement lets no bond above 2^128 in.
        uint256 bond = terms.bond << (others < MAX_DOUBLINGS ? others : MAX_DOUBLINGS);
        game = games++;
        uint64 extension = terms.replayTime + EXTENSION;
        Game storage g = _games[game];
        (g.id, g.challenger, g.provider, g.token, g.bond) = (id, msg.sender, provider, terms.token, bond);
        (g.providerClock, g.challengerClock, g.extension) = (terms.moveTime, terms.moveTime, extension);
        (g.program, g.steps, g.commitEvery, g.run) = (job.program, job.steps, job.commitEvery, claim.run);
        g.movedAt = uint64(block.timestamp);
        emit Opened(game, id, msg.sender, bond);
        _receive(terms.token, bond);
    }

    function _demandOpen(bytes32 id, bytes32 claim, Terms calldata terms) private view {
        (State state, bytes32 claimed,, uint64 closes, bytes32 known,) = settlement.engagementOf(id);
        require(claimed != 0 && claimed == claim, WrongClaim());
        require(state == State.Claimed, NotClaimed());
        require(block.timestamp <= closes, WindowClosed());
        require(known == keccak256(abi.encode(terms)), WrongTerms());
    }

    /// @notice Asks for the children of the run's root.
    function demandRun(uint256 game) external {
        Game storage g = _challengerMoves(game);
        uint64 leaves = uint64(Merkle.leavesOf(g.steps, g.commitEvery));
        _put(game, g, Question(Form.LIST, Merkle.RUN, leaves, g.run), 0);
    }

    /// @notice Goes on to a node below the one that was asked for, or to that node itself where a commitment gave its hash alone.
    function descend(uint256 game, Descent calldata d) external {
        Game storage g = _challengerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.LIST || q.form == Form.NODE, NothingBelow(q.form));
        require(d.run != 0 && d.run & (d.run - 1) == 0, BadRun(d.run));
        uint256 places = (uint256(q.size) + d.run - 1) / d.run;
        bytes32 root = Merkle.rootFromInclusion(d.hash, Place(d.index, places), d.path);
        _demandHash(q, root);
        uint64 rest = q.size - d.index * d.run;
        uint64 size = rest < d.run ? rest : d.run;
        _put(game, g, Question(size == 1 ? Form.LEAF : Form.NODE, q.kind, size, d.hash), g.subject);
    }

    /// @notice Goes on to a field of the step that was revealed: 0 state before, 1 inputs, 2 values, 3 state after, 4 outputs.
    function descendStep(uint256 game, StepLeaf calldata step, uint8 field) external {
        Game storage g = _challengerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.LEAF && (q.kind == Merkle.RUN || q.kind == Merkle.SEGMENT), NothingBelow(q.form));
        require(Merkle.hashStep(step) == q.hash, WrongAnswer(q.form));
        Question memory next = _fieldOf(g, step, field, q.kind == Merkle.RUN && g.commitEvery > 1);
        _demandThere(next.hash);
        _put(game, g, next, g.subject);
    }

    function _fieldOf(Game storage g, StepLeaf calldata step, uint8 field, bool segment)
        private
        view
        returns (Question memory)
    {
        Counts memory counts = countsOf(g.program);
        if (field == 0) return Question(Form.LIST, Merkle.STATE, counts.parameters, step.stateBefore);
        if (field == 3) return Question(Form.LIST, Merkle.STATE, counts.parameters, step.stateAfter);
        uint64 steps = segment ? _stepsOf(g, step.index) : 0;
        if (field == 1) {
            if (segment) return Question(Form.LIST, Merkle.SEGMENT_INPUTS, steps, step.inputs);
            return Question(Form.LIST, Merkle.INPUTS, counts.inputs, step.inputs);
        }
        if (field == 2) {
            if (segment) return Question(Form.LIST, Merkle.SEGMENT_VALUES, steps, step.values);
            return Question(Form.LIST, Merkle.VALUES, uint64(Programs.valuesOf(counts)), step.values);
        }
        require(field == 4, NothingBelow(Form.LEAF));
        if (segment) return Question(Form.LIST, Merkle.SEGMENT_OUTPUTS, steps, step.outputs);
        return Question(Form.LIST, Merkle.OUTPUTS, counts.outputs, step.outputs);
    }

    /// @dev How many steps a leaf of the run holds.
    function _stepsOf(Game storage g, uint64 leaf) private view returns (uint64) {
        uint256 leaves = Merkle.leavesOf(g.steps, g.commitEvery);
        require(leaf < leaves, Merkle.IndexOutOfRange(leaf, leaves));
        uint64 rest = g.steps - leaf * g.commitEvery;
        return rest < g.commitEvery ? rest : g.commitEvery;
    }

    /// @dev A step without values, and what is behind a refusal, is committed as zeros. Where an honest run has none a referee says so of the
    /// zeros alone (BindingReferee: missing, missingValue, tracedEnds). A zero among the hashes of a tree is asked for like any other.
    function _demandThere(bytes32 found) private pure {
        require(found != 0, NotCommitted());
    }

    /// @notice Goes on to the item of the list whose leaf was reached: a tensor's digest, or the list of one step of a segment.
    function descendItem(uint256 game, bytes32 item) external {
        Game storage g = _challengerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.LEAF && Merkle.hashItem(item) == q.hash, WrongAnswer(q.form));
        _demandThere(item);
        Counts memory counts = countsOf(g.program);
        Question memory next = Question(Form.DIGEST, TILE, 0, item);
        if (q.kind == Merkle.SEGMENT_INPUTS) next = Question(Form.LIST, Merkle.INPUTS, counts.inputs, item);
        else if (q.kind == Merkle.SEGMENT_OUTPUTS) next = Question(Form.LIST, Merkle.OUTPUTS, counts.outputs, item);
        else if (q.kind == Merkle.SEGMENT_VALUES) {
            next = Question(Form.LIST, Merkle.VALUES, uint64(Programs.valuesOf(counts)), item);
        } else {
            bool isList = q.kind == Merkle.STATE || q.kind == Merkle.INPUTS || q.kind == Merkle.OUTPUTS;
            require(isList || q.kind == Merkle.VALUES, NothingBelow(q.form));
        }
        _put(game, g, next, g.subject);
    }

    /// @notice Goes on to the tiles of the tensor whose digest was revealed.
    function descendTensor(uint256 game, TensorType calldata form, bytes32 root) external {
        Game storage g = _challengerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.DIGEST && Merkle.digestOf(form, root) == q.hash, WrongAnswer(q.form));
        uint64 tiles = uint64(Merkle.gridOf(form).count);
        require(tiles != 0, NothingBelow(q.form));
        _put(game, g, Question(tiles == 1 ? Form.LEAF : Form.NODE, TILE, tiles, root), g.subject);
    }

    /// @notice Asks for the steps of one leaf of the run with all their values.
    function demandTrace(uint256 game, uint64 leaf) external {
        Game storage g = _challengerMoves(game);
        uint64 steps = _stepsOf(g, leaf);
        bytes32 known = _traces[g.id][leaf];
        Form form = known == 0 ? Form.TRACE : Form.LIST;
        _put(game, g, Question(form, Merkle.SEGMENT, steps, known), bytes32(uint256(leaf)));
    }

    /// @notice Asks for the expansion of one element of a value of a step.
    function demandExpansion(uint256 game, uint64 step, uint32 value, uint64 element) external {
        Game storage g = _challengerMoves(game);
        uint256 values = Programs.valuesOf(countsOf(g.program));
        require(step < g.steps && value < values, Merkle.IndexOutOfRange(value, values));
        bytes32 key = Referees.expansionKey(step, value, element);
        require(_expansions[g.id][key] == 0, AlreadyCommitted());
        emit ExpansionDemanded(game, step, value, element);
        _put(game, g, Question(Form.EXPANSION, Merkle.EXPANSION, 0, 0), key);
    }

    /// @notice Goes back to an expansion that was committed, of so many leaves under this root: of another number nobody could answer.
    function resumeExpansion(uint256 game, bytes32 key, uint64 size, bytes32 root) external {
        Game storage g = _challengerMoves(game);
        bytes32 known = _expansions[g.id][key];
        require(known == Merkle.sizedRoot(Merkle.EXPANSION, size, root), NotCommitted());
        _put(game, g, Question(Form.LIST, Merkle.EXPANSION, size, known), key);
    }

    /// @dev [D8] Questions of a game are counted, and none asks for what no honest provider has, so that an honest provider can answer all of them at a known cost.
    function _put(uint256 game, Game storage g, Question memory question, bytes32 subject) private {
        require(g.questions < MAX_QUESTIONS, TooManyQuestions());
        ++g.questions;
        (g.question, g.subject, g.providerMoves) = (question, subject, true);
        emit Asked(game, question, subject);
    }

    // ---------------------------------------------------------------- games: answering

    /// @notice Reveals the children of a node, or of the root of a list: the roots of its aligned runs of the largest power of 64 below its size.
    function answerChildren(uint256 game, bytes32[] calldata children) external {
        Game storage g = _providerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.LIST || q.form == Form.NODE, WrongAnswer(q.form));
        require(q.size > 1 || children.length == q.size, Merkle.BadProofLength(children.length));
        _demandHash(q, q.size > 1 ? Merkle.foldChildren(children, q.size) : Merkle.rootFrom(children));
        _answered(game, g, abi.encode(children));
    }

    /// @notice Reveals the bytes of a leaf.
    function answerLeaf(uint256 game, bytes calldata leaf) external {
        Game storage g = _providerMoves(game);
        Question memory q = g.question;
        bool isLeaf = q.form == Form.LEAF && _canBe(q.kind, leaf);
        require(isLeaf && Merkle.hashLeaf(leaf) == q.hash, WrongAnswer(q.form));
        _answered(game, g, leaf);
    }

    /// @dev [D14] A liar must not answer with what no proof can show: a run and a trace have steps as leaves, lists have hashes, and no other leaf is
    /// longer than a tile.
    function _canBe(uint8 kind, bytes calldata leaf) private pure returns (bool) {
        if (kind == TILE || kind == Merkle.EXPANSION) return leaf.length <= MAX_LEAF;
        if (kind == Merkle.RUN || kind == Merkle.SEGMENT) return leaf.length == 192 && bytes24(leaf) == 0;
        return leaf.length == 32;
    }

    /// @notice Reveals the form of a tensor and the root of its tiles.
    function answerDigest(uint256 game, TensorType calldata form, bytes32 root) external {
        Game storage g = _providerMoves(game);
        Question memory q = g.question;
        require(q.form == Form.DIGEST && Merkle.digestOf(form, root) == q.hash, WrongAnswer(q.form));
        _answered(game, g, abi.encode(form, root));
    }

    /// @notice Reveals that the outputs of a step are the record of the refusal that the claim declares.
    function answerRefusal(uint256 game, Refusal calldata r) external {
        Game storage g = _providerMoves(game);
        Question memory q = g.question;
        bool isOutputs = q.form == Form.LIST && q.kind == Merkle.OUTPUTS;
        bytes32 record = sha256(bytes.concat(bytes1(0x04), abi.encode(r.step, r.node, r.element, r.reason)));
        require(isOutputs && record == q.hash, WrongAnswer(q.form));
        _answered(game, g, abi.encode(r));
    }

    /// @notice Commits the trace or the expansion that was asked for, of so many leaves. [D9] A commitment is made once, by the provider alone, and
    /// stands for every game.
    function answerCommitment(uint256 game, uint64 size, bytes32 root) external {
        Game storage g = _providerMoves(game);
        require(msg.sender == g.provider, NotTheProvider());
        Question memory q = g.question;
        bytes32 sized = Merkle.sizedRoot(q.kind, size, root);
        if (q.form == Form.TRACE) {
            require(size == q.size, Merkle.IndexOutOfRange(size, q.size));
            bytes32 known = _traces[g.id][uint64(uint256(g.subject))];
            require(known == 0 || known == sized, AlreadyCommitted());
            _traces[g.id][uint64(uint256(g.subject))] = sized;
        } else {
            require(q.form == Form.EXPANSION, WrongAnswer(q.form));
            bytes32 known = _expansions[g.id][g.subject];
            require(known == 0 || known == sized, AlreadyCommitted());
            _expansions[g.id][g.subject] = sized;
        }
        g.question = Question(Form.LIST, q.kind, size, sized);
        emit Committed(g.id, g.subject, sized);
        _answered(game, g, abi.encode(size, root));
    }

    function _demandHash(Question memory q, bytes32 root) private pure {
        bytes32 found = q.form == Form.LIST ? Merkle.sizedRoot(q.kind, q.size, root) : root;
        require(found == q.hash, Merkle.RootMismatch(q.hash, found));
    }

    function _answered(uint256 game, Game storage g, bytes memory answer) private {
        g.providerMoves = false;
        emit Answered(game, answer);
    }

    // ---------------------------------------------------------------- games: clocks and ends

    /// @dev [D10] Who moves pays with its own clock, and has the extension again afterwards.
    function _challengerMoves(uint256 game) private returns (Game storage g) {
        g = _running(game);
        require(msg.sender == g.challenger, NotTheChallenger());
        require(!g.providerMoves, NotYourMove());
        g.challengerClock = _spend(g, g.challengerClock);
    }

    /// @dev Anybody may answer for the provider: an answer is right or refused. Commitments alone are its own.
    function _providerMoves(uint256 game) private returns (Game storage g) {
        g = _running(game);
        require(g.providerMoves, NotYourMove());
        g.providerClock = _spend(g, g.providerClock);
    }

    function _running(uint256 game) private view returns (Game storage g) {
        g = _games[game];
        require(g.challenger != address(0) && !g.over && rulings[g.id].until == 0, GameOver());
    }

    function _spend(Game storage g, uint64 clock) private returns (uint64) {
        uint64 spent = uint64(block.timestamp) - g.movedAt;
        require(spent <= clock, TooLate());
        g.movedAt = uint64(block.timestamp);
        clock -= spent;
        return clock < g.extension ? g.extension : clock;
    }

    /// @notice When the clock of whoever has to move runs out.
    function deadlineOf(uint256 game) public view returns (uint256) {
        Game storage g = _games[game];
        return uint256(g.movedAt) + (g.providerMoves ? g.providerClock : g.challengerClock);
    }

    /// @notice The provider let its clock run out: what it does not open counts as false. Anyone may say so; the reward is the challenger's.
    function provideTimedOut(uint256 game, Terms calldata terms) external {
        Game storage g = _running(game);
        require(g.providerMoves, NotYourMove());
        require(block.timestamp > deadlineOf(game), TooEarly());
        (State state,,,,,) = settlement.engagementOf(g.id);
        _rule(g.id, state, terms, g.challenger, uint64(block.number));
        emit Proved(g.id, g.challenger, address(0), 0);
    }

    /// @notice The challenger let its clock run out, or gives up: its bond goes to the provider. [D11] Its silence closes its own game and no other.
    function challengerTimedOut(uint256 game) external {
        Game storage g = _running(game);
        require(!g.providerMoves, NotYourMove());
        require(msg.sender == g.challenger || block.timestamp > deadlineOf(game), TooEarly());
        // Of a voided job the bond goes back, by `close`.
        (State state,,,,,) = settlement.engagementOf(g.id);
        require(state == State.Claimed, NotClaimed());
        _close(game, g, g.provider);
    }

    /// @notice Returns the bond of a game whose claim was ruled false, or whose job was voided. [D12] An honest challenger never loses its bond.
    function close(uint256 game) external {
        Game storage g = _games[game];
        require(g.challenger != address(0) && !g.over, GameOver());
        (State state,,,,,) = settlement.engagementOf(g.id);
        require(state == State.Slashed || state == State.Void, StillRunning());
        _close(game, g, g.challenger);
    }

    /// @dev [D13] A bond leaves once.
    function _close(uint256 game, Game storage g, address to) private {
        g.over = true;
        --live[g.id];
        emit Closed(game, to);
        _credit(g.token, to, g.bond);
    }
}
