"""Which releases are installed for which interpreter.

On 3.6 and 3.7 the last ones for them: those that look for pickle5 by name.  Later, the current ones.
"""
import sys

#: What is not in the index that pip asks is left out, and its rows say so.
OLD = {
    (3, 6): ["numpy==1.19.5", "cloudpickle==1.6.0", "joblib==1.1.1", "pandas==1.1.5", "pyarrow==6.0.1", "dask==2021.3.0",
             "distributed==2021.3.0", "scipy==1.5.4", "scikit-learn==0.24.2", "xarray==0.16.2", "numba==0.53.1",
             "dill==0.3.4", "awkward==1.10.3", "ipyparallel", "xnd", "hypothesis"],
    (3, 7): ["numpy==1.21.6", "cloudpickle==2.2.1", "joblib==1.3.2", "pandas==1.3.5", "pyarrow==12.0.1", "dask==2022.2.0",
             "distributed==2022.2.0", "scipy==1.7.3", "scikit-learn==1.0.2", "xarray==0.20.2", "numba==0.56.4",
             "dill==0.3.7", "awkward", "ipyparallel", "xnd", "hypothesis"],
}
CURRENT = ["numpy", "cloudpickle", "joblib", "pandas", "pyarrow", "dask", "distributed", "scipy", "scikit-learn", "xarray",
           "numba", "dill", "awkward", "ipyparallel", "mpi4py", "mpich", "xnd", "hypothesis"]
#: Hundreds of megabytes each: only with --big.
BIG = ["torch", "tensorflow-cpu", "ray"]
#: Why something is not here, where that is our choice or known beforehand.
WHY = {
    "torch": "hundreds of megabytes, so only with --big; its tensors have no protocol 5 form",
    "tensorflow": "hundreds of megabytes, so only with --big; its tensors have no protocol 5 form",
    "ray": "hundreds of megabytes, so only with --big",
    "mpi4py": "no wheel that brings or finds an MPI for this interpreter",
    "xnd": "nothing in the package index installs on this interpreter",
}


def wanted(big=False):
    return OLD.get(sys.version_info[:2], CURRENT) + (BIG if big else [])
