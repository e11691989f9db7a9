#!/usr/bin/env python3
"""Float64 golden fixtures for K-FAC-expand / K-FAC-reduce.

Own reference, written from the definitions (Eschenhagen et al. 2023, arXiv:2311.00636), with torch used only for
forward + autograd.  It imports no K-FAC library.  README.md says with which libraries everything written here was compared.

Run:  python3 make_goldens.py [outdir]        (Debian: apt-get install python3-torch python3-numpy)
See README.md for every array and convention.
"""
import json, math, os, sys
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
OUT = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
DAMPING = 1e-3
MC_SAMPLES = 3
REPORT = []


# ----------------------------------------------------------------------------- json helpers
def T(x):
    """tensor -> {"shape","data"} row-major; floats are shortest round-trip float64, ints stay ints."""
    x = torch.as_tensor(x).detach()
    flat = x.reshape(-1).tolist()
    return {"shape": list(x.shape), "data": flat}


def dump(name, obj):
    p = os.path.join(OUT, name + ".json")
    with open(p, "w") as f:
        json.dump(obj, f, separators=(",", ":"), allow_nan=False)
    n = os.path.getsize(p)
    assert n < 2_000_000, (name, n)
    say(f"wrote {name}.json {n} bytes")


def say(s):
    print(s)
    REPORT.append(s)


# ----------------------------------------------------------------------------- models
class MLP(nn.Module):
    """Linear(4,7) - tanh - Linear(7,3), applied to x [N,R,4].  pool=True: mean over r of the logits."""
    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.fc1 = nn.Linear(4, 7)
        self.fc2 = nn.Linear(7, 3)

    def forward(self, x):
        z = self.fc2(torch.tanh(self.fc1(x)))
        return z.mean(1) if self.pool else z


class DeepLinear(nn.Module):
    """4 -> 6 -> 5 -> 3, no nonlinearity, biases on; x [N,R,4].  pool=True: mean over r of the output."""
    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.fc1 = nn.Linear(4, 6)
        self.fc2 = nn.Linear(6, 5)
        self.fc3 = nn.Linear(5, 3)

    def forward(self, x):
        z = self.fc3(self.fc2(self.fc1(x)))
        return z.mean(1) if self.pool else z


class ConvNet(nn.Module):
    """conv3x3(2->3,s1,p1) - relu - conv3x3(3->4,s2,p1) - relu - global average pool - Linear(4,3); x [N,2,6,6]."""
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        x = torch.relu(self.conv1(x))
        x = torch.relu(self.conv2(x))
        return self.fc(x.mean((2, 3)))


class Block(nn.Module):
    """Pre-LN encoder block: x + o(attn(LN1 x)); x + fc2(gelu(fc1(LN2 x))). Separate q,k,v,o linears."""
    def __init__(self, d, heads, hidden, gelu, causal=False, qkv_bias=True):
        super().__init__()
        self.d, self.h, self.gelu, self.causal = d, heads, gelu, causal
        self.ln1 = nn.LayerNorm(d, eps=1e-5)
        self.q = nn.Linear(d, d, bias=qkv_bias)
        self.k = nn.Linear(d, d, bias=qkv_bias)
        self.v = nn.Linear(d, d, bias=qkv_bias)
        self.o = nn.Linear(d, d)
        self.ln2 = nn.LayerNorm(d, eps=1e-5)
        self.fc1 = nn.Linear(d, hidden)
        self.fc2 = nn.Linear(hidden, d)

    def forward(self, x):
        N, R, d = x.shape
        y = self.ln1(x)
        sp = lambda t: t.reshape(N, R, self.h, d // self.h).transpose(1, 2)      # [N,h,R,dh]; head j = columns j*dh..
        q, k, v = sp(self.q(y)), sp(self.k(y)), sp(self.v(y))
        att = q @ k.transpose(2, 3) / math.sqrt(d // self.h)
        if self.causal:
            att = att.masked_fill(torch.triu(torch.ones(R, R, dtype=torch.bool), 1), float("-inf"))
        att = torch.softmax(att, -1)
        self.att = att
        y = (att @ v).transpose(1, 2).reshape(N, R, d)
        x = x + self.o(y)
        return x + self.fc2(F.gelu(self.fc1(self.ln2(x)), approximate=self.gelu))


class TinyViT(nn.Module):
    """images [N,1,8,8] -> 4 patches of 4x4 (row-major patches, inside a patch: c,row,col) -> embed 16->8 + pos ->
    block -> final LN -> mean over tokens -> head 8->3."""
    def __init__(self, gelu):
        super().__init__()
        self.embed = nn.Linear(16, 8)
        self.pos = nn.Parameter(torch.zeros(4, 8))
        self.block = Block(8, 2, 16, gelu)
        self.ln = nn.LayerNorm(8, eps=1e-5)
        self.head = nn.Linear(8, 3)

    @staticmethod
    def patches(img):
        N, C, H, W = img.shape
        return img.reshape(N, C, 2, 4, 2, 4).permute(0, 2, 4, 1, 3, 5).reshape(N, 4, C * 16)

    def forward(self, img):
        x = self.embed(self.patches(img)) + self.pos
        x = self.ln(self.block(x))
        return self.head(x.mean(1))


class TinyLM(nn.Module):
    """tokens [N,5] in 0..5 -> tok_emb + pos -> causal block (q,k,v without bias) -> LN -> per-token head 8->6."""
    def __init__(self):
        super().__init__()
        self.tok = nn.Parameter(torch.zeros(6, 8))
        self.pos = nn.Parameter(torch.zeros(5, 8))
        self.block = Block(8, 2, 12, "tanh", causal=True, qkv_bias=False)
        self.ln = nn.LayerNorm(8, eps=1e-5)
        self.head = nn.Linear(8, 6)

    def forward(self, t):
        x = self.tok[t] + self.pos
        return self.head(self.ln(self.block(x)))


class GNN(nn.Module):
    """Batched graphs: x [V,4], e [E,3], src/dst [E], node_graph [V].
    h=node_enc(x); m=relu(h[src]+edge_enc(e)); msg=msg(m); agg[v]=sum_{dst=v} msg; h'=relu(node_upd([h,agg]));
    mean over the nodes of each graph; head."""
    def __init__(self):
        super().__init__()
        self.node_enc = nn.Linear(4, 6)
        self.edge_enc = nn.Linear(3, 6)
        self.msg = nn.Linear(6, 5)
        self.node_upd = nn.Linear(11, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, b):
        h = self.node_enc(b["x"])
        m = torch.relu(h[b["src"]] + self.edge_enc(b["e"]))
        msg = self.msg(m)
        agg = torch.zeros(h.shape[0], msg.shape[1]).index_add(0, b["dst"], msg)
        h2 = torch.relu(self.node_upd(torch.cat([h, agg], 1)))
        n = b["n_node"]
        pooled = torch.zeros(len(n), h2.shape[1]).index_add(0, b["node_graph"], h2) / n[:, None]
        return self.head(pooled)


class RaggedLinear(nn.Module):
    """Deep linear net 4->5->3 on the rows of graphs of different sizes; pool: mean per graph."""
    def __init__(self, pool):
        super().__init__()
        self.pool = pool
        self.fc1 = nn.Linear(4, 5)
        self.fc2 = nn.Linear(5, 3)

    def forward(self, b):
        z = self.fc2(self.fc1(b["x"]))
        if not self.pool:
            return z
        n = b["n_node"]
        return torch.zeros(len(n), z.shape[1]).index_add(0, b["node_graph"], z) / n[:, None]


def init(model, seed, wscale=1.0):
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("weight") and p.ndim >= 2:
                fan = p[0].numel()
                p.copy_(torch.randn(p.shape, generator=g) * wscale / math.sqrt(fan))
            elif "ln" in name and name.endswith("weight"):
                p.copy_(1 + 0.2 * torch.randn(p.shape, generator=g))
            elif p.ndim == 2:
                p.copy_(0.5 * torch.randn(p.shape, generator=g))
            else:
                p.copy_(0.3 * torch.randn(p.shape, generator=g))
    return model


# ----------------------------------------------------------------------------- engine
class Engine:
    """Collects layer inputs and output-gradients and builds Kronecker factors from the definitions.

    loss: "ce" (cross-entropy) or "mse" (mean over terms and over the C outputs, torch MSELoss(reduction="mean")).
    The output is [N, C] (one loss term per example, M=N), [N, R, C] (M=N*R) or [V, C] with ragged node terms (M=V).
    seg: None, or {layer: rows->example index} for ragged sharing.
    """
    def __init__(self, model, inputs, targets, loss, seg=None, n_examples=None, out_seg=None):
        self.model, self.inputs, self.targets, self.loss = model, inputs, targets, loss
        self.layers = [(n, m) for n, m in model.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        self.seg = seg or {}
        self.out_seg = out_seg                      # ragged node-level loss: row -> example
        self.a, self.s = {}, {}
        hs = []
        for n, m in self.layers:
            def hook(mod, inp, out, n=n):
                self.a[n], self.s[n] = inp[0], out
            hs.append(m.register_forward_hook(hook))
        self.out = model(inputs)
        for h in hs:
            h.remove()
        C = self.out.shape[-1]
        self.C = C
        self.M = self.out.numel() // C
        self.N = n_examples or self.out.shape[0]
        if loss == "ce":
            self.L = F.cross_entropy(self.out.reshape(-1, C), targets.reshape(-1))
        else:
            self.L = ((self.out - targets) ** 2).mean()
        self.params = dict(model.named_parameters())
        gs = torch.autograd.grad(self.L, list(self.params.values()) + [self.s[n] for n, _ in self.layers], retain_graph=True)
        self.grads = dict(zip(self.params, gs))
        self.gL = {n: g for (n, _), g in zip(self.layers, gs[len(self.params):])}

    # --- layouts: rows [rows, d] and, per row, the example index
    def rows_a(self, n):
        m = dict(self.layers)[n]
        a = self.a[n].detach()
        if isinstance(m, nn.Conv2d):                 # [N, C*kh*kw, R] -> [N,R,C*kh*kw]; column order (c_in, kh, kw)
            a = F.unfold(a, m.kernel_size, m.dilation, m.padding, m.stride).transpose(1, 2)
        elif a.ndim == 2 and n not in self.seg:
            a = a[:, None, :]
        return a

    def rows_g(self, n, g):
        m = dict(self.layers)[n]
        if isinstance(m, nn.Conv2d):                 # [N,C,O1,O2] -> [N, O1*O2, C]
            g = g.flatten(2).transpose(1, 2)
        elif g.ndim == 2 and n not in self.seg:
            g = g[:, None, :]
        return g

    def groups(self, n, t):
        """list over examples of [R_n, d]"""
        if n in self.seg:
            return [t[self.seg[n] == i] for i in range(self.N)]
        return list(t)

    def hom(self, n, a):
        m = dict(self.layers)[n]
        return torch.cat([a, a.new_ones(*a.shape[:-1], 1)], -1) if m.bias is not None else a

    # --- cotangents on the output, for un-normalised loss terms
    def S(self):
        """[terms..., C, C] with S S^T = Hessian of one un-normalised loss term wrt its C outputs."""
        o = self.out.detach()
        if self.loss == "ce":
            p = o.softmax(-1)
            q = p.sqrt()
            return torch.diag_embed(q) - p[..., :, None] * q[..., None, :]
        return math.sqrt(2 / self.C) * torch.eye(self.C).expand(*o.shape[:-1], self.C, self.C)

    def vjp(self, cot):
        gs = torch.autograd.grad(self.out, [self.s[n] for n, _ in self.layers], cot, retain_graph=True, allow_unused=True)
        return {n: (g if g is not None else torch.zeros_like(self.s[n])) for (n, _), g in zip(self.layers, gs)}

    def term_masks(self):
        """one mask per loss-term position, so that terms of the same example are back-propagated separately"""
        o = self.out
        if o.ndim == 3:
            for r in range(o.shape[1]):
                m = torch.zeros_like(o); m[:, r] = 1
                yield m
        elif self.out_seg is not None:
            counts = [int((self.out_seg == i).sum()) for i in range(self.N)]
            start = np.cumsum([0] + counts)
            for r in range(max(counts)):
                m = torch.zeros_like(o)
                for i, c in enumerate(counts):
                    if r < c:
                        m[start[i] + r] = 1
                yield m
        else:
            yield torch.ones_like(o)

    def cotangents(self, kind, mc=None):
        """list of (weight, cotangent) for the un-normalised terms"""
        o = self.out.detach()
        if kind in ("type2", "type2_shared"):
            S = self.S()
            masks = list(self.term_masks()) if kind == "type2" else [torch.ones_like(o)]
            return [(1.0, S[..., :, c] * m) for m in masks for c in range(self.C)]
        if kind in ("empirical", "empirical_perterm"):
            t = self.res(self.targets)
            masks = list(self.term_masks()) if kind == "empirical_perterm" else [torch.ones_like(o)]
            return [(1.0, t * m) for m in masks]
        if kind == "empirical_curvlinops":           # MSE only: curvlinops multiplies the loss by sqrt(C)
            return [(1.0, self.res(self.targets) * math.sqrt(self.C))]
        if kind == "mc":
            return [(1.0 / len(mc), self.res(y) * (math.sqrt(self.C) if self.loss == "mse" else 1.0)) for y in mc]
        raise ValueError(kind)

    def res(self, y):
        """gradient of one un-normalised loss term wrt its outputs (MSE term: mean over C of squares)"""
        o = self.out.detach()
        if self.loss == "ce":
            return o.softmax(-1) - F.one_hot(y, self.C).to(o.dtype)
        return 2.0 / self.C * (o - y)

    # --- factors
    def A(self, n, approx, ragged="global"):
        gr = self.groups(n, self.hom(n, self.rows_a(n)))
        if approx == "expand":
            if ragged == "global":
                return sum(x.T @ x for x in gr) / sum(len(x) for x in gr)
            return sum(x.T @ x / len(x) for x in gr) / self.N
        return sum(torch.outer(x.mean(0), x.mean(0)) for x in gr) / self.N

    def G(self, kind, approx, mc=None):
        out = {n: 0.0 for n, _ in self.layers}
        for w, cot in self.cotangents(kind, mc):
            for n, g in self.vjp(cot).items():
                gr = self.groups(n, self.rows_g(n, g))
                if approx == "expand":
                    out[n] = out[n] + w * sum(x.T @ x for x in gr)
                else:
                    out[n] = out[n] + w * sum(torch.outer(x.sum(0), x.sum(0)) for x in gr)
        return {n: v / self.M for n, v in out.items()}

    def wgrad(self, n):
        """homogeneous gradient [d_out, d_in(+1)]; conv weight flattened as (c_in,kh,kw)"""
        m = dict(self.layers)[n]
        w = self.grads[n + ".weight"].reshape(m.weight.shape[0], -1)
        return torch.cat([w, self.grads[n + ".bias"][:, None]], 1) if m.bias is not None else w

    def exact_ggn(self, n):
        """exact GGN block of the mean loss for W~ = [W|b], index (o, i) -> o*(d_in+1)+i"""
        m = dict(self.layers)[n]
        names = [n + ".weight"] + ([n + ".bias"] if m.bias is not None else [])
        rows = []
        flat = self.out.reshape(-1)
        for k in range(flat.numel()):
            gs = torch.autograd.grad(flat[k], [self.params[x] for x in names], retain_graph=True)
            w = gs[0].reshape(m.weight.shape[0], -1)
            rows.append((torch.cat([w, gs[1][:, None]], 1) if len(gs) == 2 else w).reshape(-1))
        J = torch.stack(rows).reshape(self.M, self.C, -1)
        S = self.S().reshape(self.M, self.C, self.C)
        B = torch.einsum("mkc,mkp->mcp", S, J).reshape(self.M * self.C, -1)
        return B.T @ B / self.M


def precondition(g, A, G, lam):
    I = lambda n: torch.eye(n)
    a, b = A.shape[0], G.shape[0]
    solve = lambda Gd, Ad: torch.linalg.solve(Ad, torch.linalg.solve(Gd, g).T).T
    # G is exactly 0 for the key projection under reduce (rounding noise ~1e-33): pi is undefined there
    pi = math.sqrt((A.trace() / a) / (G.trace() / b)) if G.trace() > 1e-20 else None
    dA, uA = torch.linalg.eigh(A)
    dG, uG = torch.linalg.eigh(G)
    out = {
        "separate": solve(G + lam * I(b), A + lam * I(a)),
        "sqrt": solve(G + math.sqrt(lam) * I(b), A + math.sqrt(lam) * I(a)),
        "eigen": uG @ ((uG.T @ g @ uA) / (dG[:, None].clamp(min=0) * dA[None, :].clamp(min=0) + lam)) @ uA.T,
    }
    if pi is not None:
        out["pi"] = solve(G + math.sqrt(lam) / pi * I(b), A + math.sqrt(lam) * pi * I(a))
    return out, pi


def fd_check(eng, build):
    """directional finite difference of the loss, relative error"""
    g = torch.Generator().manual_seed(99)
    ds = {k: torch.randn(p.shape, generator=g) for k, p in eng.params.items()}
    an = sum((eng.grads[k] * d).sum() for k, d in ds.items()).item()
    h = 1e-5
    vals = []
    for sgn in (1, -1):
        with torch.no_grad():
            for k, p in eng.params.items():
                p.add_(sgn * h * ds[k])
        vals.append(build().L.item())
        with torch.no_grad():
            for k, p in eng.params.items():
                p.sub_(sgn * h * ds[k])
    return abs((vals[0] - vals[1]) / (2 * h) - an) / abs(an)


def fixture(name, descr, setting, model, inputs, targets, loss, layer_info, kinds_extra=(), seg=None, n_examples=None,
            out_seg=None, json_inputs=None, forward_extra=None, exact=False, mc_seed=7, share_keys=True, extra=None):
    build = lambda: Engine(model, inputs, targets, loss, seg, n_examples, out_seg)
    e = build()
    fd = fd_check(e, build)
    e = build()
    gen = torch.Generator().manual_seed(mc_seed)
    o = e.out.detach()
    if loss == "ce":
        p = o.softmax(-1).reshape(-1, e.C)
        mc = [torch.multinomial(p, 1, generator=gen).reshape(o.shape[:-1]) for _ in range(MC_SAMPLES)]
    else:
        mc = [o + math.sqrt(0.5) * torch.randn(o.shape, generator=gen) for _ in range(MC_SAMPLES)]
    kinds = ["type2", "empirical", "mc"]
    multi = e.M != e.N
    if multi:
        kinds += ["type2_shared", "empirical_perterm"]
    if loss == "mse":
        kinds += ["empirical_curvlinops"]
    ragged = bool(seg)
    fac, same = {}, {}
    for ap in ("expand", "reduce"):
        Gs = {k: e.G(k, ap, mc) for k in kinds}
        fac[ap] = {}
        for n, _ in e.layers:
            d = {"A": T(e.A(n, ap))}
            if ragged and ap == "expand":
                d["A_pergraph"] = T(e.A(n, ap, "pergraph"))
            d["G"] = {k: T(Gs[k][n]) for k in kinds}
            fac[ap][n] = d
        if multi:
            for a_, b_ in (("type2", "type2_shared"), ("empirical", "empirical_perterm")):
                same[f"{ap}:{a_} vs {b_}"] = max((Gs[a_][n] - Gs[b_][n]).abs().max().item() for n, _ in e.layers)
    pre = {}
    for ap in ("expand", "reduce"):
        for k in ("type2", "empirical"):
            G = e.G(k, ap)
            for n, _ in e.layers:
                P, pi = precondition(e.wgrad(n), e.A(n, ap), G[n], DAMPING)
                pre.setdefault(ap, {}).setdefault(k, {})[n] = {**{kk: T(v) for kk, v in P.items()}, "pi_value": pi}
    obj = {
        "name": name, "format": 1, "description": descr, "setting": setting, "loss_type": loss,
        "N": e.N, "M": e.M, "C": e.C, "damping": DAMPING,
        "layers": [{"name": n, "type": "conv2d" if isinstance(m, nn.Conv2d) else "linear",
                    "d_in": m.weight[0].numel(), "d_out": m.weight.shape[0], "bias": m.bias is not None,
                    **layer_info.get(n, {})} for n, m in e.layers],
        "params": {k: T(v) for k, v in e.params.items()},
        "inputs": json_inputs if json_inputs is not None else {"x": T(inputs)},
        "targets": T(targets),
        "forward": {"output": T(e.out), **{k: T(v) for k, v in (forward_extra(model, e) if forward_extra else {}).items()}},
        "loss": e.L.item(),
        "grads": {k: T(v) for k, v in e.grads.items()},
        "layer_io": {n: {"a": T(e.rows_a(n)), "g": T(e.rows_g(n, e.gL[n]))} for n, _ in e.layers},
        "wgrad": {n: T(e.wgrad(n)) for n, _ in e.layers},
        "mc_targets": T(torch.stack(mc)),
        "factors": fac,
        "preconditioned": pre,
        "checks": {"fd_rel_error": fd, **({"kinds_max_abs_diff": same} if multi else {})},
    }
    if exact:
        obj["exact_ggn"] = {}
        ex = {"expand": {}, "reduce": {}}
        for n, _ in e.layers:
            X = e.exact_ggn(n)
            obj["exact_ggn"][n] = T(X)
            for ap in ("expand", "reduce"):
                K = torch.kron(e.G("type2", ap)[n], e.A(n, ap))
                ex[ap][n] = {"max_abs": (K - X).abs().max().item(), "rel_fro": ((K - X).norm() / X.norm()).item()}
                if ragged and ap == "expand":
                    K2 = torch.kron(e.G("type2", ap)[n], e.A(n, ap, "pergraph"))
                    ex[ap][n]["max_abs_with_A_pergraph"] = (K2 - X).abs().max().item()
        obj["exactness"] = ex
        for ap in ex:
            say(f"  exact GGN vs kron(G,A) [{name}, {ap}]: max|diff| = {max(v['max_abs'] for v in ex[ap].values()):.3e}, "
                f"rel Frobenius = {max(v['rel_fro'] for v in ex[ap].values()):.3e}")
    if extra:
        obj.update(extra(e))
    # sanity: sum_r g a^T reproduces the autograd weight gradient
    gdiff = 0.0
    for n, _ in e.layers:
        ga = sum(g.T @ a for g, a in zip(e.groups(n, e.rows_g(n, e.gL[n])), e.groups(n, e.hom(n, e.rows_a(n)))))
        gdiff = max(gdiff, (ga - e.wgrad(n)).abs().max().item())
    obj["checks"]["sum_g_aT_vs_autograd_max_abs"] = gdiff
    say(f"{name}: N={e.N} M={e.M} loss={e.L.item():.12f} fd_rel={fd:.2e} sum(g a^T) vs autograd={gdiff:.1e}"
        + (f" kinds={ {k: float(f'{v:.3e}') for k, v in same.items()} }" if multi else ""))
    dump(name, obj)
    return e


# ----------------------------------------------------------------------------- the nets
def rnd(seed):
    g = torch.Generator().manual_seed(seed)
    return (lambda *s: torch.randn(*s, generator=g)), (lambda hi, *s: torch.randint(0, hi, s, generator=g))


def relu_margin(*ts):
    return torch.cat([t.reshape(-1) for t in ts]).abs().min().item()


def data_mlp():
    f, i = rnd(1)
    return f(6, 5, 4), i(3, 6, 5), i(3, 6)


def data_deep():
    f, i = rnd(2)
    return f(8, 5, 4), f(8, 5, 3), f(8, 3)


def data_conv():
    f, i = rnd(3)
    return f(4, 2, 6, 6), i(3, 4)


def data_vit():
    f, i = rnd(4)
    return f(3, 1, 8, 8), i(3, 3)


def data_lm():
    f, i = rnd(5)
    t = i(6, 3, 6)
    return t[:, :5].contiguous(), t[:, 1:].contiguous()


SIZES = [3, 5, 2, 4]
UEDGES = [[(0, 1), (1, 2)], [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)], [(0, 1)], [(0, 1), (0, 2), (0, 3)]]


def data_gnn():
    f, i = rnd(6)
    x = f(sum(SIZES), 4)
    src, dst, eg, off = [], [], [], 0
    for gi, (n, es) in enumerate(zip(SIZES, UEDGES)):
        for a, b in es:
            src += [off + a, off + b]; dst += [off + b, off + a]; eg += [gi, gi]
        off += n
    e = f(len(src), 3)
    ng = torch.tensor([gi for gi, n in enumerate(SIZES) for _ in range(n)])
    b = {"x": x, "e": e, "src": torch.tensor(src), "dst": torch.tensor(dst), "node_graph": ng,
         "edge_graph": torch.tensor(eg), "n_node": torch.tensor(SIZES), "n_edge": torch.tensor([2 * len(u) for u in UEDGES])}
    return b, i(3, len(SIZES))


def data_ragged():
    f, i = rnd(8)
    b, _ = data_gnn()
    return {"x": f(sum(SIZES), 4), "node_graph": b["node_graph"], "n_node": b["n_node"]}, f(sum(SIZES), 3), f(len(SIZES), 3)


def models():
    return {
        "mlp_expand": init(MLP(False), 11), "mlp_reduce": init(MLP(True), 11),
        "deep_linear_expand": init(DeepLinear(False), 12), "deep_linear_reduce": init(DeepLinear(True), 12),
        "conv": init(ConvNet(), 13), "vit": init(TinyViT("none"), 14), "vit_gelu_tanh": init(TinyViT("tanh"), 14),
        "lm_expand": init(TinyLM(), 15), "gnn": init(GNN(), 16),
        "ragged_linear_expand": init(RaggedLinear(False), 17), "ragged_linear_reduce": init(RaggedLinear(True), 17),
    }


def main():
    ms = models()
    x, t_tok, t_seq = data_mlp()
    R5 = {"sharing": "token", "R": 5}
    hid = lambda m, e: {"hidden_tanh": torch.tanh(e.s["fc1"]), "logits_per_token": e.s["fc2"]}
    fixture("mlp_expand", "2-layer tanh MLP on [N=6,R=5,4], cross-entropy per token", "expand", ms["mlp_expand"], x, t_tok,
            "ce", {"fc1": R5, "fc2": R5}, forward_extra=hid, exact=True)
    fixture("mlp_reduce", "same weights/inputs as mlp_expand, logits averaged over r before the loss", "reduce",
            ms["mlp_reduce"], x, t_seq, "ce", {"fc1": R5, "fc2": R5}, forward_extra=hid, exact=True)

    x, y_tok, y_seq = data_deep()
    dl = {"fc1": R5, "fc2": R5, "fc3": R5}
    fixture("deep_linear_expand", "deep linear net 4-6-5-3 with biases, MSE(mean) per token: K-FAC-expand must be exact",
            "expand", ms["deep_linear_expand"], x, y_tok, "mse", dl, exact=True)
    fixture("deep_linear_reduce", "same weights/inputs, output averaged over r, MSE(mean): K-FAC-reduce must be exact",
            "reduce", ms["deep_linear_reduce"], x, y_seq, "mse", dl, exact=True)

    x, t = data_conv()
    e = fixture("conv", "conv3x3(2-3,s1,p1)-relu-conv3x3(3-4,s2,p1)-relu-GAP-linear(4-3), cross-entropy", "reduce", ms["conv"],
                x, t, "ce", {"conv1": {"sharing": "spatial", "R": 36, "kernel": [3, 3], "stride": 1, "padding": 1, "out_hw": [6, 6]},
                             "conv2": {"sharing": "spatial", "R": 9, "kernel": [3, 3], "stride": 2, "padding": 1, "out_hw": [3, 3]},
                             "fc": {"sharing": "none", "R": 1}},
                forward_extra=lambda m, e: {"conv1_pre": e.s["conv1"], "conv2_pre": e.s["conv2"], "pooled": e.a["fc"]}, exact=True)
    say(f"  conv: smallest |relu input| = {relu_margin(e.s['conv1'], e.s['conv2']):.2e}")

    x, t = data_vit()
    R4 = {"sharing": "token", "R": 4}
    for nm in ("vit", "vit_gelu_tanh"):
        fixture(nm, "patch embed + pos + one pre-LN encoder block (2 heads) + LN + mean pool + head; GELU "
                + ("exact erf" if nm == "vit" else "tanh approximation"), "reduce", ms[nm], x, t, "ce",
                {k: R4 for k in ("embed", "block.q", "block.k", "block.v", "block.o", "block.fc1", "block.fc2")} | {"head": {"sharing": "none", "R": 1}},
                forward_extra=lambda m, e: {"patches": e.a["embed"], "attention": m.block.att, "mlp_pre": e.s["block.fc1"],
                                            "mlp_post": e.a["block.fc2"], "pooled": e.a["head"]})

    t, y = data_lm()
    fixture("lm_expand", "tiny causal transformer LM: tokens mix through attention, cross-entropy per token (expand setting)",
            "expand", ms["lm_expand"], t, y, "ce",
            {k: R5 for k in ("block.q", "block.k", "block.v", "block.o", "block.fc1", "block.fc2", "head")},
            json_inputs={"tokens": T(t)}, forward_extra=lambda m, e: {"attention": m.block.att})

    b, t = data_gnn()
    seg = {"node_enc": b["node_graph"], "node_upd": b["node_graph"], "edge_enc": b["edge_graph"], "msg": b["edge_graph"]}
    nd, ed = {"sharing": "node", "R": SIZES}, {"sharing": "edge", "R": [2 * len(u) for u in UEDGES]}
    e = fixture("gnn", "message passing on 4 graphs with 3,5,2,4 nodes, mean pool per graph, cross-entropy", "reduce", ms["gnn"], b,
                t, "ce", {"node_enc": nd, "node_upd": nd, "edge_enc": ed, "msg": ed, "head": {"sharing": "none", "R": 1}}, seg=seg,
                n_examples=len(SIZES), json_inputs={k: T(v) for k, v in b.items()},
                forward_extra=lambda m, e: {"message": e.s["msg"], "pooled": e.a["head"]}, exact=True)
    say(f"  gnn: smallest |relu input| = {relu_margin(e.s['node_enc'][b['src']] + e.s['edge_enc'], e.s['node_upd']):.2e}")

    b, y_node, y_graph = data_ragged()
    seg = {"fc1": b["node_graph"], "fc2": b["node_graph"]}
    for nm, y, os_ in (("ragged_linear_expand", y_node, b["node_graph"]), ("ragged_linear_reduce", y_graph, None)):
        fixture(nm, "deep linear net on ragged groups (3,5,2,4 rows), MSE(mean), "
                + ("loss per row" if os_ is not None else "rows averaged per group before the loss"),
                "expand" if os_ is not None else "reduce", ms[nm], b, y, "mse", {"fc1": nd, "fc2": nd}, seg=seg,
                n_examples=len(SIZES), out_seg=os_, json_inputs={k: T(v) for k, v in b.items()}, exact=True)

    trajectories()
    with open(os.path.join(OUT, "report.txt"), "w") as f:
        f.write("\n".join(REPORT) + "\n")


# ----------------------------------------------------------------------------- (7) trajectories on net (2)
STEPS = 10


def trajectories():
    x, _, t = data_mlp()

    def fresh():
        return init(MLP(True), 11)

    def run_torch(make_opt):
        m = fresh()
        opt = make_opt(m.parameters())
        steps = []
        for _ in range(STEPS):
            opt.zero_grad()
            L = F.cross_entropy(m(x), t)
            L.backward()
            opt.step()
            steps.append({"loss_before": L.item(), "params": {k: T(p) for k, p in m.named_parameters()}})
        return steps, F.cross_entropy(m(x), t).item()

    def run_kfac(approx, kind, beta=0.95, lam=1e-3, mom=0.9, lr=0.1, ema="first", damp="separate"):
        m = fresh()
        Abar, Gbar, vel = {}, {}, {}
        steps = []
        for k in range(1, STEPS + 1):
            e = Engine(m, x, t, "ce")
            G = e.G(kind, approx)
            rec = {"loss_before": e.L.item(), "A": {}, "G": {}, "precond": {}, "velocity": {}}
            upd = {}
            for n, _ in e.layers:
                A = e.A(n, approx)
                if ema == "first":           # first step: EMA := batch factor
                    Abar[n] = A if k == 1 else beta * Abar[n] + (1 - beta) * A
                    Gbar[n] = G[n] if k == 1 else beta * Gbar[n] + (1 - beta) * G[n]
                    Ah, Gh = Abar[n], Gbar[n]
                else:                        # zero start with bias correction
                    Abar[n] = beta * Abar.get(n, 0 * A) + (1 - beta) * A
                    Gbar[n] = beta * Gbar.get(n, 0 * G[n]) + (1 - beta) * G[n]
                    Ah, Gh = Abar[n] / (1 - beta ** k), Gbar[n] / (1 - beta ** k)
                P = precondition(e.wgrad(n), Ah, Gh, lam)[0][damp]
                vel[n] = P if k == 1 else mom * vel[n] + P
                upd[n] = vel[n]
                rec["A"][n], rec["G"][n], rec["precond"][n], rec["velocity"][n] = T(Ah), T(Gh), T(P), T(vel[n])
            with torch.no_grad():
                for n, mod in e.layers:
                    mod.weight.sub_(lr * upd[n][:, :-1].reshape(mod.weight.shape))
                    mod.bias.sub_(lr * upd[n][:, -1])
            rec["params"] = {k_: T(p) for k_, p in m.named_parameters()}
            steps.append(rec)
        return steps, F.cross_entropy(m(x), t).item()

    runs = {}

    def add(name, cfg, res):
        steps, final = res
        runs[name] = {"config": cfg, "steps": steps, "final_loss": final}
        say(f"trajectory {name}: loss " + " ".join(f"{s['loss_before']:.6g}" for s in steps) + f" -> {final:.6g}")

    add("sgd_momentum", {"lr": 0.1, "momentum": 0.9, "dampening": 0, "nesterov": False, "weight_decay": 0},
        run_torch(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)))
    add("sgd_nesterov_wd", {"lr": 0.1, "momentum": 0.9, "dampening": 0, "nesterov": True, "weight_decay": 0.01},
        run_torch(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)))
    add("adamw", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01},
        run_torch(lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)))
    base = {"ema_beta": 0.95, "ema_start": "first", "damping": 1e-3, "damping_rule": "separate", "momentum": 0.9, "lr": 0.1}
    for ap in ("expand", "reduce"):
        add(f"kfac_{ap}", {"approx": ap, "fisher": "type2", **base}, run_kfac(ap, "type2"))
        add(f"kfac_{ap}_empirical", {"approx": ap, "fisher": "empirical", **base}, run_kfac(ap, "empirical"))
        add(f"kfac_{ap}_calm", {"approx": ap, "fisher": "type2", **base, "lr": 0.03, "damping": 0.01, "damping_rule": "pi",
                                "ema_start": "zero_bias_corrected"},
            run_kfac(ap, "type2", lr=0.03, lam=0.01, damp="pi", ema="zero"))
    dump("trajectories", {"name": "trajectories", "format": 1, "net": "mlp_reduce", "steps": STEPS,
                          "description": "full-batch training of net mlp_reduce (start = params of mlp_reduce.json)", "runs": runs})


if __name__ == "__main__":
    main()
