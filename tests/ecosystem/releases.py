"""Which releases are installed for which interpreter.

On 3.6 and 3.7 the last ones for them: those that look for pickle5 by name.  Later, the current ones.
"""
import sys

#: What is not in the index that pip asks is left out, and its rows say so.
OLD = {
    (3, 6): ["numpy==1.19.5", "cloudpickle==1.6.0", "joblib==1.1.1", "pandas==1.1.5", "pyarrow==6.0.1", "dask==2021.3.0",
             "distributed==2021.3.0", "scipy==1.5.4", "scikit-learn==0.24.2", "xarray==0.16.2", "numba==0.53.1",
             "dill==0.3.4", "awkward==1.9.0", "ipyparallel", "mpich", "mpi4py==3.1.6", "pybind11", "hypothesis", "pytz"],
    (3, 7): ["numpy==1.21.6", "cloudpickle==2.2.1", "joblib==1.3.2", "pandas==1.3.5", "pyarrow==12.0.1", "dask==2022.2.0",
             "distributed==2022.2.0", "scipy==1.7.3", "scikit-learn==1.0.2", "xarray==0.20.2", "numba==0.56.4",
             "dill==0.3.7", "awkward", "ipyparallel", "mpich", "mpi4py==3.1.6", "pybind11", "hypothesis", "pytz"],
}
CURRENT = ["numpy", "cloudpickle", "joblib", "pandas", "pyarrow", "dask", "distributed", "scipy", "scikit-learn", "xarray",
           "numba", "dill", "awkward", "ipyparallel", "mpi4py", "mpich", "pybind11", "hypothesis", "pytz"]
#: Hundreds of megabytes each, or gigabytes: only with --big.
OLD_BIG = {
    (3, 6): ["torch==1.10.2", "tensorflow-cpu==2.6.2", "ray==2.4.0"],
    (3, 7): ["torch==1.13.1", "tensorflow-cpu==2.11.0", "ray==2.7.2"],
}
CURRENT_BIG = ["torch==2.13.0", "tensorflow-cpu", "ray"]
#: Why something is not here, where that is our choice or known beforehand.
WHY = {
    "torch": "hundreds of megabytes, so only with --big",
    "tensorflow": "hundreds of megabytes, so only with --big",
    "ray": "hundreds of megabytes, so only with --big",
    "xnd": "pip cannot install it: its last release (0.2.0b2) is source alone; built by hand it loads on 3.6 and 3.7 only, "
           "and its objects neither pickle nor give their memory away",
    "xtensor_arrays": "xtensor's headers are not there, or do not compile",
}


def wanted(big=False):
    version = sys.version_info[:2]
    return OLD.get(version, CURRENT) + (OLD_BIG.get(version, CURRENT_BIG) if big else [])
